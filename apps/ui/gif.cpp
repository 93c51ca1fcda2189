#include "apps/ui/gif.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gif_lib.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#include "apps/util/terminal.h"
#include "core/text.h"
#include "fovea/error.h"

namespace fovea::apps {
namespace {

// Colours are counted to 5 bits a channel.
constexpr unsigned kept_bits = 5;
constexpr size_t all_cells = size_t{1} << (3 * kept_bits);

size_t cell_of(const cv::Vec3b& colour) {
  constexpr unsigned drop = 8 - kept_bits;
  return static_cast<size_t>(colour[0] >> drop) << (2 * kept_bits) |
         static_cast<size_t>(colour[1] >> drop) << kept_bits | static_cast<size_t>(colour[2] >> drop);
}

struct Cell {
  std::array<uint64_t, 3> sum{};  // of its pixels
  uint64_t count = 0;
  uint32_t index = 0;
  double mean(size_t channel) const { return static_cast<double>(sum[channel]) / static_cast<double>(count); }
};

// Some of the cells, and how far apart they are.
struct Box {
  size_t begin = 0, end = 0, channel = 0;
  double spread = 0;  // pixels times range, of the widest channel
};

Box measure(const std::vector<Cell>& cells, size_t begin, size_t end) {
  Box box{begin, end};
  uint64_t pixels = 0;
  for (size_t i = begin; i < end; ++i) pixels += cells[i].count;
  for (size_t channel = 0; channel < 3; ++channel) {
    double low = 255, high = 0;
    for (size_t i = begin; i < end; ++i) {
      low = std::min(low, cells[i].mean(channel));
      high = std::max(high, cells[i].mean(channel));
    }
    const double spread = (high - low) * static_cast<double>(pixels);
    if (spread > box.spread) {
      box.spread = spread;
      box.channel = channel;
    }
  }
  return box;
}

// Where half of the pixels lie on either side, with a cell at least on each.
size_t halve(std::vector<Cell>& cells, const Box& box) {
  std::sort(cells.begin() + static_cast<std::ptrdiff_t>(box.begin),
            cells.begin() + static_cast<std::ptrdiff_t>(box.end),
            [&](const Cell& a, const Cell& b) { return a.mean(box.channel) < b.mean(box.channel); });
  uint64_t pixels = 0, before = 0;
  for (size_t i = box.begin; i < box.end; ++i) pixels += cells[i].count;
  size_t middle = box.begin;
  while (middle + 1 < box.end && (middle == box.begin || 2 * before < pixels))
    before += cells[middle++].count;
  return middle;
}

}  // namespace

Palette choose_palette(const cv::Mat& bgr) {
  std::vector<Cell> all(all_cells);
  for (int y = 0; y < bgr.rows; ++y)
    for (int x = 0; x < bgr.cols; ++x) {
      const auto& colour = bgr.at<cv::Vec3b>(y, x);
      Cell& cell = all[cell_of(colour)];
      ++cell.count;
      for (int c = 0; c < 3; ++c) cell.sum[static_cast<size_t>(c)] += colour[c];
    }
  for (size_t i = 0; i < all.size(); ++i) all[i].index = static_cast<uint32_t>(i);
  std::erase_if(all, [](const Cell& cell) { return cell.count == 0; });

  std::vector<Box> boxes = {measure(all, 0, all.size())};
  while (boxes.size() < 256) {
    const auto widest = std::max_element(boxes.begin(), boxes.end(),
                                         [](const Box& a, const Box& b) { return a.spread < b.spread; });
    if (widest->spread <= 0) break;
    const Box box = *widest;
    const size_t middle = halve(all, box);
    *widest = measure(all, box.begin, middle);
    boxes.push_back(measure(all, middle, box.end));
  }

  Palette palette;
  std::vector<uint8_t> of_cell(all_cells);
  for (size_t b = 0; b < boxes.size(); ++b) {
    std::array<uint64_t, 3> sum{};
    uint64_t count = 0;
    for (size_t i = boxes[b].begin; i < boxes[b].end; ++i) {
      for (size_t c = 0; c < 3; ++c) sum[c] += all[i].sum[c];
      count += all[i].count;
      of_cell[all[i].index] = static_cast<uint8_t>(b);
    }
    cv::Vec3b colour;
    for (size_t c = 0; c < 3; ++c)
      colour[static_cast<int>(c)] = static_cast<uint8_t>((sum[c] + count / 2) / std::max<uint64_t>(count, 1));
    palette.colours.push_back(colour);
  }
  palette.indices.reserve(bgr.total());
  for (int y = 0; y < bgr.rows; ++y)
    for (int x = 0; x < bgr.cols; ++x) palette.indices.push_back(of_cell[cell_of(bgr.at<cv::Vec3b>(y, x))]);
  return palette;
}

void Gif::fail(int code) const {
  const char* reason = GifErrorString(code);
  throw Error(ErrorKind::file, fmt::format("cannot write {}: {}", printable(name_),
                                           reason != nullptr ? reason : "unknown reason"));
}

Gif::Gif(const std::filesystem::path& path, std::string name, cv::Size size)
    : name_(std::move(name)), size_(size) {
  constexpr int most = 65535;
  if (size.width > most || size.height > most)
    throw Error(ErrorKind::file, fmt::format("cannot write {}: {} x {} is more than GIF's {}",
                                             printable(name_), size.width, size.height, most));
  // By itself giflib makes a file for its owner alone.
  const int handle = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (handle < 0)
    throw Error(ErrorKind::file, fmt::format("cannot write {}: {}", printable(name_), std::strerror(errno)));
  int code = 0;
  file_ = EGifOpenFileHandle(handle, &code);
  if (file_ == nullptr) {
    ::close(handle);
    fail(code);
  }
  EGifSetGifVersion(file_, true);  // 89a, which has times
  if (EGifPutScreenDesc(file_, size.width, size.height, 8, 0, nullptr) == GIF_ERROR) fail(file_->Error);
  // Netscape's extension: 0 rounds, which is without end.
  constexpr std::array<unsigned char, 3> rounds = {1, 0, 0};
  if (EGifPutExtensionLeader(file_, APPLICATION_EXT_FUNC_CODE) == GIF_ERROR ||
      EGifPutExtensionBlock(file_, 11, "NETSCAPE2.0") == GIF_ERROR ||
      EGifPutExtensionBlock(file_, rounds.size(), rounds.data()) == GIF_ERROR ||
      EGifPutExtensionTrailer(file_) == GIF_ERROR)
    fail(file_->Error);
}

Gif::~Gif() {
  int ignored = 0;
  if (file_ != nullptr) EGifCloseFile(file_, &ignored);
}

void Gif::add(const cv::Mat& bgr, int hundredths) {
  Palette palette = choose_palette(bgr);
  palette.colours.resize(256);  // GIF's tables have a power of two entries
  std::array<GifColorType, 256> entries{};
  for (size_t i = 0; i < entries.size(); ++i)
    entries[i] = {palette.colours[i][2], palette.colours[i][1], palette.colours[i][0]};
  const std::unique_ptr<ColorMapObject, decltype(&GifFreeMapObject)> table(
      GifMakeMapObject(256, entries.data()), GifFreeMapObject);
  if (!table) fail(E_GIF_ERR_NOT_ENOUGH_MEM);
  GraphicsControlBlock control{DISPOSE_DO_NOT, false, std::clamp(hundredths, 0, 65535), NO_TRANSPARENT_COLOR};
  std::array<GifByteType, 4> block{};
  EGifGCBToExtension(&control, block.data());
  if (EGifPutExtension(file_, GRAPHICS_EXT_FUNC_CODE, block.size(), block.data()) == GIF_ERROR ||
      EGifPutImageDesc(file_, 0, 0, size_.width, size_.height, false, table.get()) == GIF_ERROR)
    fail(file_->Error);
  for (int y = 0; y < size_.height; ++y)
    if (EGifPutLine(file_, palette.indices.data() + static_cast<size_t>(y) * size_.width, size_.width) ==
        GIF_ERROR)
      fail(file_->Error);
}

void Gif::close() {
  int code = 0;
  const int result = EGifCloseFile(std::exchange(file_, nullptr), &code);
  if (result == GIF_ERROR) fail(code);
}

}  // namespace fovea::apps
