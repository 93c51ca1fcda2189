#include "runtime/ops/nn/embed_text.h"

#include "tests/runtime/ops/harness.h"

namespace fovea::test {
namespace {

struct Size {
  uint32_t images, tokens, width, vocabulary, positions;
};

std::vector<uint32_t> random_ids(const Size& s) {
  std::mt19937 random(s.tokens + 7);
  std::vector<uint32_t> ids(size_t{s.images} * s.tokens);
  for (uint32_t& id : ids) id = static_cast<uint32_t>(random() % s.vocabulary);
  return ids;
}

TEST_CASE("embed_text in every way that decoders have positions") {
  for (const DType dtype : storage_types())
    for (const Size& s : {Size{1, 1, 4, 1, 3}, Size{2, 7, 32, 11, 20}, Size{3, 5, 17, 4, 12},
                          Size{2, 70, 12, 3, 90}, Size{1, 2, 260, 300, 9}})
      for (const bool past : {false, true})
        for (const bool counted : {false, true}) {
          CAPTURE(name_of(dtype));
          CAPTURE(s.width);
          CAPTURE(s.tokens);
          CAPTURE(past);
          CAPTURE(counted);
          const uint32_t pad = 1, first = counted ? pad : 2;
          const Values table = random_values({s.vocabulary, s.width}, dtype, 1);
          const Values positions = random_values({s.positions, s.width}, DType::f32, 2);
          const std::vector<uint32_t> ids = random_ids(s);
          std::vector<uint32_t> before(s.images);
          for (uint32_t b = 0; b < s.images; ++b) before[b] = past ? 3 * b : 0;
          const double scale = 5.5;
          Expected want;
          for (uint32_t b = 0; b < s.images; ++b) {
            uint32_t count = 0;
            for (uint32_t t = 0; t < s.tokens; ++t) {
              const uint32_t id = ids[b * s.tokens + t];
              if (id != pad) ++count;
              uint32_t row = counted ? (id == pad ? pad : pad + before[b] + count) : first + before[b] + t;
              row = std::min(row, s.positions - 1);
              for (uint32_t c = 0; c < s.width; ++c) {
                const double token = scale * table.numbers[id * s.width + c];
                const double sum = token + positions.numbers[row * s.width + c];
                want.add(sum, u * (std::abs(token) + std::abs(sum)) * 1.01);
              }
            }
          }
          Case c;
          ops::TextPositions at{c.input(positions), first, counted, pad, {}};
          if (past) at.past = c.input({s.images}, before);
          // Whole, and in two parts.
          const Tensor given = c.input({s.images, s.tokens}, ids);
          const uint32_t some = s.vocabulary / 2;
          std::vector<Tensor> parts;
          for (const auto& [begin, rows] : {std::pair{0U, some}, std::pair{some, s.vocabulary - some}})
            if (rows != 0)
              parts.push_back(
                  c.input({{rows, s.width},
                           dtype,
                           {table.numbers.begin() + static_cast<ptrdiff_t>(begin * s.width),
                            table.numbers.begin() + static_cast<ptrdiff_t>((begin + rows) * s.width)}}));
          const Tensor whole = c.input(table);
          const auto embed = [&](std::span<const Tensor> tables) {
            return ops::embed_text(c.recorder, given, tables, static_cast<float>(scale), at);
          };
          const Tensor y = embed({&whole, 1}), joined = embed(parts);
          CHECK(y.shape == Shape{s.images, s.tokens, s.width});
          for (const Numbers& got : c.run({y, joined})) check_close(got, want, dtype);
        }
}

TEST_CASE("embed_text without positions gives the table's rows") {
  const Values table = random_values({5, 8}, DType::f32, 3);
  Case c;
  const Numbers got =
      c.run(ops::embed_text(c.recorder, c.input({1, 3}, {4, 0, 2}), std::vector{c.input(table)}, 1, {}));
  const uint32_t rows[]{4, 0, 2};
  for (size_t i = 0; i < got.size(); ++i) CHECK(got[i] == table.numbers[rows[i / 8] * 8 + i % 8]);
}

TEST_CASE("embed_text rejects what does not fit") {
  Case c;
  const Tensor ids = c.recorder.input({2, 3}, DType::u32, "ids");
  const Tensor table = c.recorder.input({7, 8}, DType::f32, "table");
  const auto embed = [&](const Tensor& from, const Tensor& rows, const ops::TextPositions& at) {
    return ops::embed_text(c.recorder, from, {&rows, 1}, 1, at);
  };
  const auto positions = [&](const Shape& shape) { return c.recorder.input(shape, DType::f32, "positions"); };
  CHECK_NOTHROW(embed(ids, table, {positions({4, 8})}));
  CHECK_THROWS_WITH_AS(embed(ids, table, {positions({4, 9})}),
                       doctest::Contains("[embed_text] ids is [2, 3] u32, table is [7, 8] f32, positions is"),
                       Error);
  CHECK_THROWS_AS(embed(ids, table, {positions({2, 8}), 2}), Error);
  CHECK_THROWS_AS(embed(table, table, {}), Error);
  CHECK_THROWS_AS(embed(ids, ids, {}), Error);
  ops::TextPositions past{positions({4, 8})};
  past.past = c.recorder.input({3}, DType::u32, "past");
  CHECK_THROWS_AS(embed(ids, table, past), Error);
}

}  // namespace
}  // namespace fovea::test
