// `fovea overlay` on moving pictures: into a file.
#include <fmt/format.h>

#include <filesystem>
#include <opencv2/videoio.hpp>
#include <string>

#include "apps/atomic_file.h"
#include "apps/codec_messages.h"
#include "apps/commands.h"
#include "apps/inputs.h"
#include "apps/overlay.h"
#include "apps/progress.h"
#include "apps/terminal.h"
#include "fovea/error.h"

namespace fovea::apps {
namespace {

namespace fs = std::filesystem;

void open_writer(cv::VideoWriter& writer, const std::string& out, const fs::path& file, double rate,
                 cv::Size size) {
  const CodecMessages messages;
  bool open = false;
  try {
    // MPEG-4 part 2: in every FFmpeg and GStreamer build, unlike H.264.
    open = writer.open(file, cv::VideoWriter::fourcc('m', 'p', '4', 'v'), rate, size);
  } catch (const cv::Exception&) {
    open = false;
  }
  if (!open)
    throw Error(ErrorKind::file,
                fmt::format("cannot write {}: no video of {} x {} in this format, try a name that "
                            "ends in .mp4",
                            printable(out), size.width, size.height));
}

}  // namespace

int overlay_to_video(const OverlayFlags& flags, Painter& painter, VideoSource& source) {
  const std::string out =
      flags.out.empty() ? fs::path(flags.source).stem().native() + ".overlay.mp4" : flags.out;
  refuse_same_file("--out", out, flags.source);
  if (has_image_extension(out))
    throw Error(
        ErrorKind::usage,
        fmt::format("--out {}: the source is a video, give a name that ends in .mp4", printable(out)));
  AtomicFile file(out);
  cv::VideoWriter writer;
  Progress progress(source.frames(), "frames", 1);
  cv::Mat frame;
  cv::Size size;
  size_t frames = 0;
  while (!interrupted() && source.read(frame)) {
    const Painted painted = painter.paint(frame);
    if (!writer.isOpened()) {
      size = painted.picture.size();
      open_writer(writer, out, file.temporary(), source.frames_per_second(), size);
    }
    if (painted.picture.size() != size)
      throw Error(ErrorKind::file,
                  fmt::format("{}: the frame size changes from {} x {} to {} x {}", printable(flags.source),
                              size.width, size.height, painted.picture.cols, painted.picture.rows));
    writer.write(painted.picture);
    progress.advance();
    ++frames;
  }
  progress.hide();
  if (interrupted()) complain(fmt::format("interrupted, {} frames written", frames));
  if (!writer.isOpened() && interrupted()) return exit_interrupted;
  if (!writer.isOpened())
    throw Error(ErrorKind::file, fmt::format("{}: no frame could be read", printable(flags.source)));
  writer.release();  // writes the index without which the file cannot be played
  file.check_room();
  file.commit();
  write_out(out + '\n');
  // Ctrl-C is how a recording of a camera ends.
  return interrupted() && !source.live() ? exit_interrupted : exit_good;
}

}  // namespace fovea::apps
