#include "runtime/ops/common/gather_rows.h"

#include "models/weights/weight_store.h"
#include "tests/reference/layers.h"
#include "tests/runtime/ops/harness.h"

namespace fovea::test {
namespace {

TEST_CASE("gather_rows is exact, and gives zeros where the table names no row") {
  for (const DType dtype : storage_types())
    for (const uint32_t images : {1U, 2U})
      for (const uint32_t channels : {1U, 4U, 10U, 24U, 65U, 128U})
        for (const uint32_t rows : {1U, 7U, 65U})
          for (const uint32_t out_rows : {1U, 36U, 131U}) {
            CAPTURE(name_of(dtype));
            CAPTURE(fmt::format("[{}, {}, {}] → {}", images, rows, channels, out_rows));
            const Values x = random_values({images, rows, channels}, dtype, rows);
            std::mt19937 random(out_rows);
            std::vector<uint32_t> table(out_rows);
            for (uint32_t& row : table) row = static_cast<uint32_t>(random() % (rows + 1));
            table.front() = 0xffffffff;
            table.back() = rows - 1;
            WeightStore store(device(), dtype);
            const Tensor rows_of = store.table(table);
            store.finish();
            Case c;
            const Tensor y = ops::gather_rows(c.recorder, c.input(x), rows_of);
            CHECK(y.shape == Shape{images, out_rows, channels});
            CHECK(c.run(y) == gather_rows(x.numbers, table, images, rows, channels));
          }
}

TEST_CASE("gather_rows rejects what does not fit") {
  Case c;
  const Tensor x = c.recorder.input({1, 4, 7}, DType::f32, "x");
  CHECK_THROWS_WITH_AS(ops::gather_rows(c.recorder, x, c.recorder.input({4}, DType::f32, "table")),
                       doctest::Contains("[gather_rows] x is [1, 4, 7], table is [4] f32"), Error);
}

}  // namespace
}  // namespace fovea::test
