#include "apps/util/codec_messages.h"

#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <streambuf>
#include <string_view>

namespace fovea::apps {
namespace {

thread_local std::string* kept = nullptr;

bool keep(const char* data, size_t size) {
  if (kept == nullptr) return false;
  constexpr size_t most = 4096;  // a broken file may make a codec very talkative
  if (kept->size() < most) kept->append(data, std::min(size, most - kept->size()));
  return true;
}

#ifdef __GLIBC__
ssize_t keep_or_show(void*, const char* data, size_t size) {
  return keep(data, size) ? static_cast<ssize_t>(size) : write(STDERR_FILENO, data, size);
}
#endif

// The same for std::cerr, which OpenCV's image readers print to.
class KeepingBuffer : public std::streambuf {
 public:
  explicit KeepingBuffer(std::streambuf* shown) : shown_(shown) {}

 protected:
  int_type overflow(int_type c) override {
    const char character = traits_type::to_char_type(c);
    return keep(&character, 1) ? traits_type::not_eof(c) : shown_->sputc(character);
  }
  std::streamsize xsputn(const char* data, std::streamsize size) override {
    return keep(data, static_cast<size_t>(size)) ? size : shown_->sputn(data, size);
  }
  int sync() override { return shown_->pubsync(); }

 private:
  std::streambuf* shown_;
};

// What follows a mark, or all of it where the mark is missing.
std::string_view after(std::string_view text, std::string_view mark) {
  const auto at = text.find(mark);
  return at == text.npos ? text : text.substr(at + mark.size());
}

}  // namespace

void CodecMessages::install() {
#ifdef __GLIBC__
  cookie_io_functions_t functions{};
  functions.write = keep_or_show;
  if (FILE* stream = fopencookie(nullptr, "w", functions)) {
    setvbuf(stream, nullptr, _IONBF, 0);
    stderr = stream;  // glibc's stderr is a variable for this very purpose
  }
#endif
  // Never destroyed: the standard library flushes std::cerr after everything else is gone.
  static auto* const buffer = new KeepingBuffer(std::cerr.rdbuf());
  std::cerr.rdbuf(buffer);
}

CodecMessages::CodecMessages() {
  kept = &text_;
}

CodecMessages::~CodecMessages() {
  kept = nullptr;
}

std::string CodecMessages::last() const {
  std::string_view text = text_;
  while (!text.empty() && text.back() == '\n') text.remove_suffix(1);
  if (const auto line = text.rfind('\n'); line != text.npos) text.remove_prefix(line + 1);
  // "libpng error: REASON", and OpenCV's "WHERE: error: (CODE:KIND) REASON in function 'NAME'".
  text = after(text, "libpng error: ");
  if (const auto code = text.find(": error: ("); code != text.npos)
    text = after(after(text.substr(code), "error: ("), ") ");
  text = text.substr(0, text.find(" in function '"));
  return std::string(text);
}

}  // namespace fovea::apps
