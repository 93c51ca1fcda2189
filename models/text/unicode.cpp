#include "models/text/unicode.h"

#include <unicode/bytestream.h>
#include <unicode/normalizer2.h>
#include <unicode/uchar.h>

#include <algorithm>

#include "fovea/error.h"

namespace fovea::text {

namespace {

struct Decoded {
  char32_t point;
  bool valid;
};

// The code point at `at`, which moves on; U+FFFD for bytes that are none, each time as many as could have
// begun one, as Unicode's table 3-7 has it.
Decoded next(std::string_view bytes, size_t& at) {
  const uint8_t lead = static_cast<uint8_t>(bytes[at++]);
  if (lead < 0x80) return {lead, true};
  if (lead < 0xc2 || lead > 0xf4) return {0xfffd, false};
  const int behind = lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
  char32_t point = lead & (0x3fU >> behind);
  // Neither more bytes than needed, nor surrogates, nor beyond U+10FFFF.
  uint8_t least = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
  uint8_t most = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
  for (int i = 0; i < behind; ++i) {
    const uint8_t byte = at < bytes.size() ? static_cast<uint8_t>(bytes[at]) : 0;
    if (byte < least || byte > most) return {0xfffd, false};
    point = point << 6U | (byte & 0x3fU);
    least = 0x80;
    most = 0xbf;
    ++at;
  }
  return {point, true};
}

bool in_category(char32_t point, uint32_t mask) {
  return (U_GET_GC_MASK(static_cast<UChar32>(point)) & mask) != 0;
}

// Marks in canonical order where very many follow one another: ICU puts each in its place by moving those
// before it, which takes hours for a megabyte of them.
std::string with_ordered_marks(std::string_view utf8) {
  constexpr size_t many = 64;
  CodePoints text(utf8);
  const auto is_mark = [](char32_t c) { return u_getCombiningClass(static_cast<UChar32>(c)) != 0; };
  bool changed = false;
  for (auto begin = text.points.begin(); begin != text.points.end();) {
    begin = std::find_if(begin, text.points.end(), is_mark);
    const auto end = std::find_if_not(begin, text.points.end(), is_mark);
    if (static_cast<size_t>(end - begin) > many) {
      std::stable_sort(begin, end, [](char32_t a, char32_t b) {
        return u_getCombiningClass(static_cast<UChar32>(a)) < u_getCombiningClass(static_cast<UChar32>(b));
      });
      changed = true;
    }
    begin = end;
  }
  if (!changed) return std::string(utf8);
  std::string out;
  for (const char32_t point : text.points) append(out, point);
  return out;
}

const icu::Normalizer2* normalizer(Form form, UErrorCode& error) {
  switch (form) {
    case Form::nfc:
      return icu::Normalizer2::getNFCInstance(error);
    case Form::nfd:
      return icu::Normalizer2::getNFDInstance(error);
    case Form::nfkc:
      return icu::Normalizer2::getNFKCInstance(error);
    case Form::nfkd:
      break;
  }
  return icu::Normalizer2::getNFKDInstance(error);
}

icu::StringPiece piece(std::string_view text) {
  return {text.data(), static_cast<int32_t>(text.size())};
}

}  // namespace

std::optional<size_t> invalid_utf8(std::string_view bytes) {
  for (size_t i = 0; i < bytes.size();) {
    const size_t begin = i;
    if (!next(bytes, i).valid) return begin;
  }
  return {};
}

std::string valid_utf8(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  for (size_t i = 0; i < bytes.size();) append(out, next(bytes, i).point);
  return out;
}

CodePoints::CodePoints(std::string_view utf8) : text(utf8) {
  points.reserve(utf8.size());
  begins.reserve(utf8.size() + 1);
  for (size_t i = 0; i < utf8.size();) {
    begins.push_back(i);
    points.push_back(next(utf8, i).point);
  }
  begins.push_back(utf8.size());
}

void append(std::string& utf8, char32_t point) {
  if (point < 0x80) {
    utf8 += static_cast<char>(point);
    return;
  }
  const unsigned behind = point < 0x800 ? 1 : point < 0x10000 ? 2 : 3;  // bytes behind the first
  constexpr uint32_t leads[] = {0, 0xc0, 0xe0, 0xf0};
  utf8 += static_cast<char>(leads[behind] | point >> (6 * behind));
  for (unsigned i = behind; i > 0; --i) utf8 += static_cast<char>(0x80U | (point >> (6 * (i - 1)) & 0x3fU));
}

bool is_letter(char32_t point) {
  return in_category(point, U_GC_L_MASK);
}

bool is_number(char32_t point) {
  return in_category(point, U_GC_N_MASK);
}

bool is_punctuation(char32_t point) {
  return in_category(point, U_GC_P_MASK);
}

bool is_other(char32_t point) {
  return in_category(point, U_GC_C_MASK);
}

bool is_nonspacing_mark(char32_t point) {
  return in_category(point, U_GC_MN_MASK);
}

bool is_space(char32_t point) {
  return u_isUWhiteSpace(static_cast<UChar32>(point)) != 0;
}

bool is_word(char32_t point) {
  return u_isUAlphabetic(static_cast<UChar32>(point)) != 0 ||
         in_category(point, U_GC_M_MASK | U_GC_ND_MASK | U_GC_PC_MASK);
}

std::string normalized(std::string_view utf8, Form form) {
  UErrorCode error = U_ZERO_ERROR;
  const icu::Normalizer2* const normal = normalizer(form, error);
  std::string out;
  if (U_SUCCESS(error)) {
    const std::string ordered = with_ordered_marks(utf8);
    icu::StringByteSink<std::string> sink(&out, static_cast<int32_t>(ordered.size()));
    normal->normalizeUTF8(0, piece(ordered), sink, nullptr, error);
  }
  if (error == U_MEMORY_ALLOCATION_ERROR) throw std::bad_alloc();
  if (U_FAILURE(error)) {
    throw Error(ErrorKind::unsupported,
                std::string("[tokenizer] ICU cannot normalise text: ") + u_errorName(error) +
                    "; its data may be missing: install libicu of your distribution again");
  }
  return out;
}

std::string lower(std::string_view utf8) {
  constexpr char32_t capital_i_with_dot = 0x130;  // the only character whose lower case is two
  std::string out;
  out.reserve(utf8.size());
  for (const char32_t point : CodePoints(utf8).points) {
    if (point == capital_i_with_dot) {
      out += "i\u0307";
    } else {
      append(out, static_cast<char32_t>(u_tolower(static_cast<UChar32>(point))));
    }
  }
  return out;
}

std::string_view trimmed(std::string_view utf8) {
  const CodePoints text(utf8);
  size_t begin = 0;
  size_t end = text.size();
  while (begin < end && is_space(text[begin])) ++begin;
  while (begin < end && is_space(text[end - 1])) --end;
  return text.slice(begin, end);
}

}  // namespace fovea::text
