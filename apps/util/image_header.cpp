#include "apps/util/image_header.h"

#include <algorithm>
#include <cctype>
#include <cstring>
#include <functional>

namespace fovea::apps {
namespace {

using Bytes = std::span<const uint8_t>;

// Reads beyond the end give 0: every caller checks lengths where it matters.
uint64_t big_endian(Bytes b, size_t at, size_t count) {
  uint64_t value = 0;
  for (size_t i = 0; i < count; ++i) value = value << 8 | (at + i < b.size() ? b[at + i] : 0);
  return value;
}

uint64_t little_endian(Bytes b, size_t at, size_t count) {
  uint64_t value = 0;
  for (size_t i = count; i-- > 0;) value = value << 8 | (at + i < b.size() ? b[at + i] : 0);
  return value;
}

bool has(Bytes b, size_t at, std::string_view text) {
  return at <= b.size() && text.size() <= b.size() - at &&
         std::memcmp(b.data() + at, text.data(), text.size()) == 0;
}

// ITU-T T.81, annex B. A thumbnail inside an APP1 segment has an end marker too, so segments are walked.
void read_jpeg(Bytes b, ImageHeader& header) {
  header.format = "JPEG";
  header.truncated = true;
  size_t at = 2;
  while (at < b.size()) {
    const auto* ff = static_cast<const uint8_t*>(std::memchr(b.data() + at, 0xff, b.size() - at));
    if (ff == nullptr) return;
    at = static_cast<size_t>(ff - b.data()) + 1;
    if (at >= b.size()) return;
    const uint8_t marker = b[at];
    // Fill byte, a 0xff of the coded data, restart: none of them has a length.
    if (marker == 0xff) continue;
    ++at;
    if (marker == 0x00 || marker == 0x01 || (marker >= 0xd0 && marker <= 0xd7)) continue;
    if (marker == 0xd9) {
      header.truncated = false;
      return;
    }
    const uint64_t length = big_endian(b, at, 2);
    const bool frame = marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
    if (frame && header.width == 0) {
      header.height = big_endian(b, at + 3, 2);
      header.width = big_endian(b, at + 5, 2);
    }
    at += std::max<uint64_t>(length, 2);
  }
}

// PNG specification, chunk layout: length, type, data, CRC.
void read_png(Bytes b, ImageHeader& header) {
  header.format = "PNG";
  header.truncated = true;
  header.width = big_endian(b, 16, 4);
  header.height = big_endian(b, 20, 4);
  for (size_t at = 8; at + 12 <= b.size();) {
    const uint64_t length = big_endian(b, at, 4);
    if (length > b.size() - at - 12) return;
    if (has(b, at + 4, "IEND")) {
      header.truncated = false;
      return;
    }
    at += length + 12;
  }
}

// WebP container specification: RIFF chunks, padded to even sizes.
void read_webp(Bytes b, ImageHeader& header) {
  header.format = "WebP";
  header.truncated = little_endian(b, 4, 4) > b.size() - 8;
  for (size_t at = 12; at + 8 <= b.size();) {
    const uint64_t length = little_endian(b, at + 4, 4);
    const size_t data = at + 8;
    if (has(b, at, "VP8X")) {
      header.width = little_endian(b, data + 4, 3) + 1;
      header.height = little_endian(b, data + 7, 3) + 1;
    } else if (has(b, at, "VP8 ") && header.width == 0) {
      header.width = little_endian(b, data + 6, 2) & 0x3fff;
      header.height = little_endian(b, data + 8, 2) & 0x3fff;
    } else if (has(b, at, "VP8L") && header.width == 0) {
      const uint64_t bits = little_endian(b, data + 1, 4);
      header.width = (bits & 0x3fff) + 1;
      header.height = (bits >> 14 & 0x3fff) + 1;
    } else if (has(b, at, "EXIF")) {
      const size_t skip = has(b, data, std::string_view("Exif\0\0", 6)) ? 6 : 0;
      const size_t begin = std::min(b.size(), data + skip);
      header.orientation = exif_orientation(b.subspan(begin, std::min<size_t>(b.size() - begin, length)));
    }
    if (length > b.size() - data) return;
    at = data + length + (length & 1);
  }
}

// TIFF 6.0, section 2. Calls visit(tag, type, count, where the value or its offset lies) for the first
// folder. Returns false when there is none.
bool visit_tiff_tags(Bytes b, const std::function<void(uint64_t, uint64_t, uint64_t, size_t)>& visit) {
  const bool little = has(b, 0, "II");
  const auto read = [&](size_t at, size_t count) {
    return little ? little_endian(b, at, count) : big_endian(b, at, count);
  };
  const size_t folder = read(4, 4);
  if (b.size() < 8 || folder < 8 || folder + 2 > b.size()) return false;
  const uint64_t entries = read(folder, 2);
  if (entries * 12 > b.size() - folder - 2) return false;
  for (uint64_t i = 0; i < entries; ++i) {
    const size_t at = folder + 2 + i * 12;
    visit(read(at, 2), read(at + 2, 2), read(at + 4, 4), at + 8);
  }
  return true;
}

uint64_t tiff_number(Bytes b, uint64_t type, size_t at) {
  const size_t size = type == 3 ? 2 : 4;  // SHORT or LONG
  return has(b, 0, "II") ? little_endian(b, at, size) : big_endian(b, at, size);
}

void read_tiff(Bytes b, ImageHeader& header) {
  header.format = "TIFF";
  header.truncated = !visit_tiff_tags(b, [&](uint64_t tag, uint64_t type, uint64_t count, size_t at) {
    if (tag == 256) header.width = tiff_number(b, type, at);
    if (tag == 257) header.height = tiff_number(b, type, at);
    if (tag == 338 && type == 3 && count == 1 && tiff_number(b, type, at) == 2) header.tiff_alpha_at = at;
  });
}

void read_bmp(Bytes b, ImageHeader& header) {
  header.format = "BMP";
  const uint64_t size = little_endian(b, 2, 4);
  header.truncated = b.size() < 26 || size > b.size();
  if (little_endian(b, 14, 4) == 12) {  // OS/2 header
    header.width = little_endian(b, 18, 2);
    header.height = little_endian(b, 20, 2);
    return;
  }
  header.width = little_endian(b, 18, 4);
  const auto rows = static_cast<int32_t>(little_endian(b, 22, 4));  // negative: stored from the top down
  header.height =
      rows < 0 ? 0 - static_cast<uint64_t>(static_cast<int64_t>(rows)) : static_cast<uint64_t>(rows);
}

// PBM, PGM, PPM: "P6", width and height in decimal; white space and comments up to a line's end between them.
void read_pnm(Bytes b, ImageHeader& header) {
  header.format = "PNM";
  size_t at = 2;
  for (uint64_t* value : {&header.width, &header.height}) {
    while (at < b.size() && (std::isspace(b[at]) != 0 || b[at] == '#'))
      if (b[at++] == '#')
        while (at < b.size() && b[at] != '\n') ++at;
    // Ten digits are more than any picture has, and cannot overflow.
    for (int digits = 0; at < b.size() && std::isdigit(b[at]) != 0 && digits < 10; ++digits)
      *value = *value * 10 + (b[at++] - '0');
  }
}

}  // namespace

int exif_orientation(Bytes exif) {
  uint64_t orientation = 1;
  if (!has(exif, 0, "II") && !has(exif, 0, "MM")) return 1;
  visit_tiff_tags(exif, [&](uint64_t tag, uint64_t type, uint64_t, size_t at) {
    if (tag == 0x112 && type == 3) orientation = tiff_number(exif, type, at);
  });
  return orientation >= 1 && orientation <= 8 ? static_cast<int>(orientation) : 1;
}

ImageHeader read_image_header(Bytes file) {
  ImageHeader header;
  if (has(file, 0, "\xff\xd8\xff")) {
    read_jpeg(file, header);
  } else if (has(file, 0, "\x89PNG\r\n\x1a\n")) {
    read_png(file, header);
  } else if (has(file, 0, "RIFF") && has(file, 8, "WEBP")) {
    read_webp(file, header);
  } else if (has(file, 0, std::string_view("II*\0", 4)) || has(file, 0, std::string_view("MM\0*", 4))) {
    read_tiff(file, header);
  } else if (file.size() > 2 && file[0] == 'P' && file[1] >= '1' && file[1] <= '6' &&
             std::isspace(file[2]) != 0) {
    read_pnm(file, header);
  } else if (has(file, 0, "BM")) {
    read_bmp(file, header);
  } else if (has(file, 0, "GIF8")) {
    header.format = "GIF";
    header.width = little_endian(file, 6, 2);
    header.height = little_endian(file, 8, 2);
  }
  return header;
}

}  // namespace fovea::apps
