// libpng, libjpeg and OpenCV's image readers print to stderr on their own. This keeps what they say about one
// file as the reason for its failure, so that one bad file is one line.
#pragma once

#include <string>

namespace fovea::apps {

// While one lives, what this thread prints through stderr and std::cerr is kept instead of shown.
// Other threads, and direct writes to descriptor 2 such as a sanitizer's report, are not touched.
class CodecMessages {
 public:
  CodecMessages();
  ~CodecMessages();
  CodecMessages(const CodecMessages&) = delete;
  CodecMessages& operator=(const CodecMessages&) = delete;

  // The last line, without the library's prefix; empty when nothing was printed.
  std::string last() const;

  // Once, first thing in main().
  static void install();

 private:
  std::string text_;
};

}  // namespace fovea::apps
