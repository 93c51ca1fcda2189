#include "runtime/ops/attention/attention.h"

#include "tests/reference/attention.h"
#include "tests/runtime/ops/harness.h"

namespace fovea::test {
namespace {

struct Size {
  uint32_t images, queries, keys, heads, width;
  AttentionShape shape() const { return {images, queries, keys, heads, width}; }
  std::string text() const {
    return fmt::format("images {} queries {} keys {} heads {} width {}", images, queries, keys, heads, width);
  }
};

// q [images, queries, heads * width], k and v [images, keys, heads * width].
struct Operands {
  Values q, k, v;
  Operands(const Size& s, DType dtype, double spread)
      : q(random_values({s.images, s.queries, s.heads * s.width}, dtype, 1, spread)),
        k(random_values({s.images, s.keys, s.heads * s.width}, dtype, 2, spread)),
        v(random_values({s.images, s.keys, s.heads * s.width}, dtype, 3)) {}
};

// Interleaves q, k, v token by token, as one linear over tokens writes them.
Values packed(const Size& s, const Operands& o) {
  const size_t dim = size_t{s.heads} * s.width;
  Numbers numbers;
  for (size_t token = 0; token < size_t{s.images} * s.keys; ++token)
    for (const Values* part : {&o.q, &o.k, &o.v})
      numbers.insert(numbers.end(), part->numbers.begin() + static_cast<ptrdiff_t>(token * dim),
                     part->numbers.begin() + static_cast<ptrdiff_t>((token + 1) * dim));
  return values_of({s.images, s.keys, static_cast<uint32_t>(3 * dim)}, o.q.dtype, numbers);
}

// q, k and v in tensors of their own.
ops::AttentionInput separate(Case& c, const Size& s, const Operands& o) {
  const uint32_t dim = s.heads * s.width;
  return {c.input(o.q),
          c.input(o.k),
          c.input(o.v),
          {.images = s.images,
           .queries = s.queries,
           .keys = s.keys,
           .heads = s.heads,
           .width = s.width,
           .q_first = 0,
           .q_image = s.queries * dim,
           .q_token = dim,
           .k_first = 0,
           .v_first = 0,
           .kv_image = s.keys * dim,
           .kv_token = dim,
           .scale = 1 / std::sqrt(static_cast<float>(s.width))}};
}

void check_result(Case& c, const Tensor& o, const Tensor& lse, const AttentionExpected& want, DType dtype) {
  const auto got = c.run({o, lse});
  check_close(got[0], want.o, dtype);
  check_close(got[1], want.lse, DType::f32);
}

AttentionExpected expected(const Size& s, const Operands& o) {
  return attention(o.q.numbers, o.k.numbers, o.v.numbers, s.shape());
}

// What is added to the logits, with entries for `images` images and `heads` heads.
struct Terms {
  Values bias, mask;
  Terms(const Size& s, uint32_t images, uint32_t heads)
      : bias(random_values({images, heads, s.queries, (s.keys + 3) / 4 * 4}, DType::f32, 4, 5)),
        mask(values_of(bias.shape, DType::f32, random_mask(images, heads, s.queries, s.keys, 5))) {}
};

template <class Kernel>
void check_kernel(const Size& s, const Operands& o, DType dtype, const typename Kernel::Spec& spec,
                  const Terms* terms = nullptr) {
  Case c;
  ops::AttentionInput in = separate(c, s, o);
  AttentionShape shape = s.shape();
  if (terms != nullptr) {
    in.bias = c.input(terms->bias);
    in.mask = c.input(terms->mask);
    shape.bias = {&terms->bias.numbers, terms->bias.shape[0], terms->bias.shape[1]};
    shape.mask = {&terms->mask.numbers, terms->mask.shape[0], terms->mask.shape[1]};
  }
  const ops::AttentionResult out{c.recorder.temporary({s.images, s.queries, s.heads * s.width}, dtype, "o"),
                                 c.recorder.temporary({s.images, s.heads, s.queries}, DType::f32, "lse")};
  const auto call = ops::attention_call<Kernel>(in, out, spec);
  c.recorder.dispatch<Kernel>(call.bind, call.push, call.spec);
  check_result(c, out.o, out.lse, attention(o.q.numbers, o.k.numbers, o.v.numbers, shape), dtype);
}

TEST_CASE("attention over packed rows") {
  const std::vector<Size> sizes{{1, 1, 1, 1, 8},      {2, 2, 2, 3, 16},     {3, 5, 5, 1, 20},
                                {1, 17, 17, 3, 64},   {2, 50, 50, 3, 80},   {1, 145, 145, 1, 8},
                                {1, 197, 197, 3, 64}, {1, 257, 257, 1, 16}, {2, 17, 17, 3, 10},
                                {1, 50, 50, 1, 3},    {1, 5, 5, 1, 1},      {1, 17, 17, 1, 128}};
  for (const DType dtype : storage_types())
    for (const Size& s : sizes)
      for (const double spread : {1.0, 30.0}) {  // 30: scores up to thousands, so the maximum must run along
        CAPTURE(name_of(dtype));
        CAPTURE(s.text());
        CAPTURE(spread);
        const Operands o(s, dtype, spread);
        Case c;
        const auto result =
            ops::attention(c.recorder, ops::AttentionInput::packed(c.input(packed(s, o)), s.heads));
        CHECK(result.o.shape == Shape{s.images, s.queries, s.heads * s.width});
        CHECK(result.lse.shape == Shape{s.images, s.heads, s.queries});
        check_result(c, result.o, result.lse, expected(s, o), dtype);
      }
}

TEST_CASE("attention with other keys than queries") {
  for (const DType dtype : storage_types())
    for (const Size& s :
         {Size{2, 1, 197, 3, 16}, Size{1, 50, 2, 1, 20}, Size{3, 5, 145, 1, 64}, Size{2, 17, 50, 3, 6}}) {
      CAPTURE(name_of(dtype));
      CAPTURE(s.text());
      const Operands o(s, dtype, 3);
      Case c;
      const auto result = ops::attention(c.recorder, separate(c, s, o));
      check_result(c, result.o, result.lse, expected(s, o), dtype);
    }
}

TEST_CASE("attention with one query for all images, keys and values in one tensor") {
  for (const DType dtype : storage_types())
    for (const Size& s : {Size{3, 1, 50, 3, 16}, Size{2, 2, 17, 1, 10}}) {
      CAPTURE(name_of(dtype));
      CAPTURE(s.text());
      const uint32_t dim = s.heads * s.width;
      Operands o(s, dtype, 3);
      // The same query in every image of the reference; kv [images, keys, 2, dim].
      const size_t one = size_t{s.queries} * dim;
      for (size_t i = one; i < o.q.numbers.size(); ++i) o.q.numbers[i] = o.q.numbers[i % one];
      Numbers kv;
      for (size_t token = 0; token < size_t{s.images} * s.keys; ++token)
        for (const Values* part : {&o.k, &o.v})
          for (size_t i = 0; i < dim; ++i) kv.push_back(part->numbers[token * dim + i]);
      Case c;
      const Tensor q = c.input(values_of(
          {s.queries, dim}, dtype, {o.q.numbers.begin(), o.q.numbers.begin() + static_cast<ptrdiff_t>(one)}));
      const Tensor both = c.input(values_of({s.images, s.keys, 2 * dim}, dtype, kv));
      const auto result = ops::attention(c.recorder, {q,
                                                      both,
                                                      both,
                                                      {.images = s.images,
                                                       .queries = s.queries,
                                                       .keys = s.keys,
                                                       .heads = s.heads,
                                                       .width = s.width,
                                                       .q_first = 0,
                                                       .q_image = 0,
                                                       .q_token = dim,
                                                       .k_first = 0,
                                                       .v_first = dim,
                                                       .kv_image = s.keys * 2 * dim,
                                                       .kv_token = 2 * dim,
                                                       .scale = 1 / std::sqrt(static_cast<float>(s.width))}});
      check_result(c, result.o, result.lse, expected(s, o), dtype);
    }
}

TEST_CASE("AttentionTiled at every tile that some device's shared memory asks for") {
  for (const DType dtype : storage_types())
    for (const Size& s : {Size{1, 50, 50, 3, 64}, Size{2, 17, 33, 1, 20}, Size{1, 5, 145, 1, 80},
                          Size{1, 33, 17, 1, 7}, Size{1, 9, 70, 1, 128}}) {
      CAPTURE(name_of(dtype));
      CAPTURE(s.text());
      const Operands o(s, dtype, 10);
      const Terms terms(s, s.images, s.heads);
      for (const uint32_t shared : {8U, 16U, 24U, 48U}) {
        DeviceInfo info = device().info();
        if (shared * 1024 > info.shared_bytes) continue;
        info.shared_bytes = shared * 1024;
        auto spec = ops::AttentionTiled::fitted(info, s.width);
        spec.fours = s.width % 4 == 0 ? 1 : 0;
        CAPTURE(fmt::format("{} KiB: {} queries {} keys", shared, spec.queries, spec.keys));
        CHECK(spec.shared_bytes() <= info.shared_bytes);
        check_kernel<ops::AttentionTiled>(s, o, dtype, spec);
        if (shared == 16) check_kernel<ops::AttentionTiled>(s, o, dtype, spec, &terms);
        spec.fours = 0;
        check_kernel<ops::AttentionTiled>(s, o, dtype, spec);
      }
    }
}

TEST_CASE("AttentionTexel at every count of lanes and queries a lane") {
  if (!has_shuffles()) return;
  for (const DType dtype : storage_types())
    for (const Size& s :
         {Size{1, 50, 50, 3, 64}, Size{2, 17, 33, 1, 20}, Size{1, 5, 145, 1, 80}, Size{1, 33, 7, 2, 4}}) {
      CAPTURE(name_of(dtype));
      CAPTURE(s.text());
      const Operands o(s, dtype, 10);
      const Terms terms(s, s.images, s.heads);
      for (const uint32_t lanes : {4U, 8U}) {
        if (lanes > device().info().subgroup_size) continue;
        for (const uint32_t queries : {1U, 2U}) {
          if (queries == 1 && s.width > 20) continue;  // wide heads take long to compile
          const ops::AttentionTexel::Spec spec{std::max(8U, device().info().subgroup_size), lanes,
                                               s.width / 4, queries};
          check_kernel<ops::AttentionTexel>(s, o, dtype, spec);
          if (queries == 2 && lanes == std::min(8U, device().info().subgroup_size))
            check_kernel<ops::AttentionTexel>(s, o, dtype, spec, &terms);
        }
      }
    }
}

TEST_CASE("attention with bias, mask and both") {
  struct Of {
    Size size;
    uint32_t bias_images, bias_heads, mask_images, mask_heads;  // 0 images: none
  };
  const std::vector<Of> cases{
      {{1, 1, 1, 1, 4}, 1, 1, 0, 1},    {{3, 9, 1, 2, 8}, 1, 2, 1, 1},     {{2, 17, 9, 3, 12}, 0, 1, 1, 1},
      {{6, 49, 49, 2, 32}, 1, 2, 3, 1}, {{4, 5, 33, 3, 20}, 4, 3, 2, 3},   {{5, 23, 50, 2, 24}, 2, 1, 3, 2},
      {{2, 3, 144, 1, 60}, 2, 1, 2, 1}, {{1, 65, 145, 1, 64}, 1, 1, 1, 1}, {{3, 10, 11, 2, 6}, 2, 2, 3, 1},
      {{2, 7, 576, 2, 16}, 1, 1, 2, 2}, {{2, 196, 49, 2, 36}, 1, 2, 0, 1}};
  for (const DType dtype : storage_types())
    for (const Of& of : cases)
      for (const double spread : {1.0, 10.0}) {
        const Size& s = of.size;
        CAPTURE(name_of(dtype));
        CAPTURE(s.text());
        CAPTURE(fmt::format("bias {} {} mask {} {} spread {}", of.bias_images, of.bias_heads, of.mask_images,
                            of.mask_heads, spread));
        const Operands o(s, dtype, spread);
        Case c;
        ops::AttentionInput in = separate(c, s, o);
        AttentionShape shape = s.shape();
        const Values bias = Terms(s, std::max(1U, of.bias_images), of.bias_heads).bias;
        const Values mask = Terms(s, std::max(1U, of.mask_images), of.mask_heads).mask;
        if (of.bias_images != 0) {
          in.bias = c.input(bias);
          shape.bias = {&bias.numbers, of.bias_images, of.bias_heads};
        }
        if (of.mask_images != 0) {
          in.mask = c.input(mask);
          shape.mask = {&mask.numbers, of.mask_images, of.mask_heads};
        }
        const auto result = ops::attention(c.recorder, in);
        check_result(c, result.o, result.lse, attention(o.q.numbers, o.k.numbers, o.v.numbers, shape), dtype);
      }
}

// Which keys are seen, beside what is added to their logits.
struct Limited {
  Size size;
  std::vector<uint32_t> lengths;
  bool causal;
  uint32_t offset;
  std::string text() const {
    return fmt::format("{} lengths {} {} {}", size.text(), lengths.size(), causal ? "causal" : "", offset);
  }
};

// Of one query, tiles and their edges, caches that hold more than is seen, heads of odd width.
const std::vector<Limited>& limited() {
  static const std::vector<Limited> cases{{{1, 1, 1, 1, 4}, {}, true, 0},
                                          {{2, 7, 7, 3, 16}, {}, true, 0},
                                          {{1, 50, 50, 2, 16}, {}, true, 0},
                                          {{2, 197, 197, 1, 16}, {}, true, 0},
                                          {{1, 3, 40, 2, 16}, {}, true, 17},
                                          {{1, 33, 65, 1, 64}, {}, true, 32},
                                          {{3, 1, 40, 2, 16}, {1, 40, 23}, false, 0},
                                          {{4, 5, 33, 1, 64}, {33, 9}, false, 0},
                                          {{2, 6, 9, 4, 4}, {9, 4}, true, 0},
                                          {{3, 17, 145, 2, 16}, {2, 145, 70}, true, 60},
                                          {{2, 65, 17, 1, 6}, {17, 8}, false, 0},
                                          {{1, 5, 9, 1, 6}, {200}, true, 4}};
  return cases;
}

TEST_CASE("attention that is causal, behind a cache, and over lengths") {
  for (const DType dtype : storage_types())
    for (const Limited& l : limited())
      for (const bool terms : {false, true}) {
        const Size& s = l.size;
        CAPTURE(name_of(dtype));
        CAPTURE(l.text());
        CAPTURE(terms);
        const Operands o(s, dtype, 5);
        AttentionShape shape = s.shape();
        shape.lengths = l.lengths;
        shape.causal = l.causal;
        shape.offset = l.offset;
        Case c;
        ops::AttentionInput in = separate(c, s, o);
        in.causal = l.causal;
        in.causal_offset = l.offset;
        if (!l.lengths.empty()) in.lengths = c.input({static_cast<uint32_t>(l.lengths.size())}, l.lengths);
        // A mask of keys, one row for all queries, that leaves the first key to each.
        Numbers row = random_mask(s.images, 1, 1, s.keys, 6);
        for (size_t i = 0; i < row.size(); i += (s.keys + 3) / 4 * 4) row[i] = 0;
        const Values mask = values_of({s.images, 1, 1, (s.keys + 3) / 4 * 4}, DType::f32, row);
        if (terms) {
          in.mask = c.input(mask);
          shape.mask = {&mask.numbers, s.images, 1, true};
        }
        const AttentionExpected want = attention(o.q.numbers, o.k.numbers, o.v.numbers, shape);
        const auto chosen = ops::attention(c.recorder, in);
        const ops::AttentionResult tiled{c.recorder.temporary(chosen.o.shape, dtype, "o"),
                                         c.recorder.temporary(chosen.lse.shape, DType::f32, "lse")};
        const auto call = ops::attention_call<ops::AttentionTiled>(
            in, tiled, ops::AttentionTiled::fitted(device().info(), s.width));
        c.recorder.dispatch<ops::AttentionTiled>(call.bind, call.push, call.spec);
        const auto got = c.run({chosen.o, chosen.lse, tiled.o, tiled.lse});
        for (const size_t i : {0U, 2U}) {
          check_close(got[i], want.o, dtype);
          check_close(got[i + 1], want.lse, DType::f32);
        }
      }
}

TEST_CASE("attention reads nothing of what is not seen, and gives zeros where nothing is") {
  const Size s{3, 2, 40, 2, 8};
  Operands o(s, DType::f32, 1);
  const std::vector<uint32_t> lengths{0, 13, 40};
  for (Values* part : {&o.k, &o.v})  // what a cache has not been filled with may be anything
    for (size_t image = 0; image < 2; ++image)
      for (size_t i = (image * 40 + lengths[image]) * 16; i < (image + 1) * 40 * 16; ++i)
        part->numbers[i] = NAN;
  Case c;
  ops::AttentionInput in = separate(c, s, o);
  in.lengths = c.input({3}, lengths);
  const ops::AttentionResult result = ops::attention(c.recorder, in);
  const auto got = c.run({result.o, result.lse});
  for (size_t i = 0; i < got[0].size(); ++i) {
    if (i < 2 * 16) CHECK(got[0][i] == 0);
    CHECK(std::isfinite(got[0][i]));
  }
  for (size_t i = 0; i < 4; ++i) CHECK(got[1][i] < -1e29);
}

TEST_CASE("attention whose mask leaves no key is the mean of all values") {
  const Size s{1, 3, 10, 1, 4};
  const Operands o(s, DType::f32, 1);
  Case c;
  ops::AttentionInput in = separate(c, s, o);
  in.mask = c.input({{1, 1, 3, 12}, DType::f32, Numbers(36, -INFINITY)});
  const Numbers got = c.run(ops::attention(c.recorder, in).o);
  for (size_t i = 0; i < got.size(); ++i) {
    double mean = 0;
    for (size_t key = 0; key < s.keys; ++key) mean += o.v.numbers[key * 4 + i % 4] / s.keys;
    CHECK(std::abs(got[i] - mean) <= (s.keys + 5) * 2 * u);
  }
}

TEST_CASE("attention rejects what does not fit") {
  Case c;
  const Tensor qkv = c.recorder.input({2, 5, 36}, DType::f32, "qkv");
  CHECK_THROWS_WITH_AS(ops::AttentionInput::packed(qkv, 5),
                       doctest::Contains("[attention] qkv is [2, 5, 36], heads 5"), Error);
  CHECK_THROWS_AS(ops::AttentionInput::packed(qkv, 0), Error);
  auto in = ops::AttentionInput::packed(qkv, 3);
  in.layout.images = 3;
  CHECK_THROWS_AS(ops::attention(c.recorder, in), Error);
  in = ops::AttentionInput::packed(qkv, 3);
  in.layout.v_first += 1;
  CHECK_THROWS_AS(ops::attention(c.recorder, in), Error);
  in = ops::AttentionInput::packed(qkv, 3);
  const auto term = [&](const Shape& shape, DType dtype = DType::f32) {
    return c.recorder.input(shape, dtype, "term");
  };
  in.bias = term({1, 3, 5, 5});
  CHECK_THROWS_WITH_AS(
      ops::attention(c.recorder, in),
      doctest::Contains("[attention] bias is [1, 3, 5, 5] f32, not f32 [any, 1 or 3, 1 or 5 or more, 8]"),
      Error);
  for (const Shape& shape : {Shape{3, 5, 8}, Shape{1, 2, 5, 8}, Shape{1, 1, 2, 8}, Shape{1, 3, 4, 8}}) {
    in.bias = {};
    in.mask = term(shape);
    CHECK_THROWS_WITH_AS(ops::attention(c.recorder, in), doctest::Contains("[attention] mask is"), Error);
  }
  in.mask = term({1, 1, 5, 8}, DType::f16);
  CHECK_THROWS_AS(ops::attention(c.recorder, in), Error);
  in.mask = term({7, 1, 5, 8});
  CHECK_NOTHROW(ops::attention(c.recorder, in));
  in.causal_offset = 1;
  CHECK_THROWS_WITH_AS(ops::attention(c.recorder, in), doctest::Contains("not causal from key 1 of 5"),
                       Error);
  in.causal = true;
  CHECK_NOTHROW(ops::attention(c.recorder, in));
  in.causal_offset = 6;
  CHECK_THROWS_WITH_AS(ops::attention(c.recorder, in), doctest::Contains("causal from key 6 of 5"), Error);
  in.causal_offset = 0;
  in.lengths = term({2});
  CHECK_THROWS_WITH_AS(ops::attention(c.recorder, in), doctest::Contains("lengths is [2] f32, not u32"),
                       Error);
  in.lengths = term({2, 1}, DType::u32);
  CHECK_THROWS_AS(ops::attention(c.recorder, in), Error);
  in.lengths = term({7}, DType::u32);
  CHECK_NOTHROW(ops::attention(c.recorder, in));
}

}  // namespace
}  // namespace fovea::test
