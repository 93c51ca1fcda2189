#include "models/config/config.h"

#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "models/config/imagenet.h"
#include "tests/models/weights/files.h"

using fovea::ErrorKind;
using fovea::io::CropMode;
using fovea::io::Interpolation;
using fovea::io::ModelConfig;
using fovea::io::Naming;
using fovea::io::parse_config;
using fovea::test::check_error;
using fovea::test::TempFolder;
using nlohmann::json;

namespace {

ModelConfig parse(std::string_view config, std::optional<std::string_view> preprocessor = std::nullopt) {
  return parse_config(config, preprocessor, "folder/config.json");
}

ModelConfig parse_pretrained(const std::string& fields) {
  return parse(R"({"architecture":"vit_tiny_patch16_224","pretrained_cfg":{)" + fields + "}}");
}

ModelConfig parse_hf(const std::string& preprocessor, const std::string& more = "") {
  return parse(R"({"model_type":"vit")" + more + "}", preprocessor);
}

void check_bad(ErrorKind kind, std::initializer_list<std::string_view> fragments, const std::string& config) {
  CAPTURE(config.substr(0, 200));
  check_error(kind, {"folder/config.json"}, [&] { parse(config); });
  check_error(kind, fragments, [&] { parse(config); });
}

// timm's arithmetic for the side before the crop.
uint32_t resized_side(uint32_t side, double crop_pct) {
  return static_cast<uint32_t>(std::floor(side / crop_pct));
}

}  // namespace

TEST_CASE("a timm config is read") {
  const ModelConfig config = parse(R"({
    "architecture": "vit_tiny_patch16_224", "num_classes": 3, "global_pool": "token",
    "label_names": ["cat", "dog", "fox"],
    "model_args": {"embed_dim": 48, "reg_tokens": null},
    "pretrained_cfg": {"input_size": [3, 64, 112], "interpolation": "bilinear", "crop_pct": 0.9, "crop_mode": "border",
                       "mean": [0.5, 0.25, 0], "std": [1, 0.5, 2], "num_classes": 7}})");
  CHECK(config.architecture == "vit_tiny_patch16_224");
  CHECK(config.naming == Naming::timm);
  CHECK(config.num_classes_given);
  CHECK(config.num_classes == 3);
  CHECK(config.label_names == std::vector<std::string>{"cat", "dog", "fox"});
  CHECK(fovea::io::arg_uint(config.model_args, "embed_dim", 0, config.file) == 48);
  CHECK(fovea::io::arg_uint(config.model_args, "reg_tokens", 5, config.file) == 5);
  CHECK(fovea::io::arg_string(config.model_args, "global_pool", "", config.file) == "token");
  CHECK(config.preprocess.height == 64);
  CHECK(config.preprocess.width == 112);
  CHECK(config.preprocess.crop_pct == 0.9);
  CHECK(config.preprocess.crop_mode == CropMode::border);
  CHECK(config.preprocess.interpolation == Interpolation::bilinear);
  CHECK(config.preprocess.mean == std::array<float, 3>{0.5F, 0.25F, 0.0F});
  CHECK(config.preprocess.std == std::array<float, 3>{1.0F, 0.5F, 2.0F});
}

TEST_CASE("timm's defaults hold where the config is silent") {
  const ModelConfig config = parse(R"({"architecture":"x"})");
  CHECK_FALSE(config.num_classes_given);
  CHECK(config.label_names.empty());
  CHECK(config.preprocess.height == 224);
  CHECK(config.preprocess.width == 224);
  CHECK(config.preprocess.crop_pct == 0.875);
  CHECK(config.preprocess.crop_mode == CropMode::center);
  CHECK(config.preprocess.interpolation == Interpolation::bicubic);
  CHECK(config.preprocess.mean == std::array<float, 3>{0.485F, 0.456F, 0.406F});
  CHECK(config.preprocess.std == std::array<float, 3>{0.229F, 0.224F, 0.225F});
}

TEST_CASE("model_args win over the fields around them") {
  const ModelConfig config = parse(R"({"architecture":"x","num_classes":48,"global_pool":"avg",
    "model_args":{"num_classes":0,"global_pool":"map","img_size":[96,64]},
    "pretrained_cfg":{"num_classes":7,"input_size":[3,224,224]}})");
  CHECK(config.num_classes == 0);
  CHECK(config.num_classes_given);
  CHECK(fovea::io::arg_string(config.model_args, "global_pool", "", config.file) == "map");
  CHECK(config.preprocess.height == 96);
  CHECK(config.preprocess.width == 64);
  CHECK(parse_pretrained(R"("num_classes":7)").num_classes == 7);
}

TEST_CASE("old timm configs hold everything at the top") {
  const ModelConfig config =
      parse(R"({"architecture":"x","input_size":[3,32,48],"crop_pct":0.5,"num_classes":5})");
  CHECK(config.preprocess.height == 32);
  CHECK(config.preprocess.width == 48);
  CHECK(config.preprocess.crop_pct == 0.5);
  CHECK(config.num_classes == 5);
}

TEST_CASE("interpolation and crop mode names") {
  const std::map<std::string, Interpolation> names = {
      {"nearest", Interpolation::nearest}, {"bilinear", Interpolation::bilinear},
      {"bicubic", Interpolation::bicubic}, {"lanczos", Interpolation::lanczos},
      {"box", Interpolation::box},         {"hamming", Interpolation::hamming},
      {"random", Interpolation::bicubic}};
  for (const auto& entry : names) {
    const std::string& name = entry.first;  // Clang < 16 captures no structured bindings
    CAPTURE(name);
    CHECK(parse_pretrained(R"("interpolation":")" + name + "\"").preprocess.interpolation == entry.second);
  }
  CHECK(parse_pretrained(R"("crop_mode":"squash")").preprocess.crop_mode == CropMode::squash);
  check_bad(ErrorKind::model, {"interpolation", "mitchell", "bicubic"},
            R"({"architecture":"x","pretrained_cfg":{"interpolation":"mitchell"}})");
  check_bad(ErrorKind::model, {"crop_mode", "corner", "squash"},
            R"({"architecture":"x","pretrained_cfg":{"crop_mode":"corner"}})");
}

TEST_CASE("labels come from the config, else ImageNet's for a thousand classes") {
  CHECK(parse(R"({"architecture":"x","num_classes":3,"label_names":{"2":"c","0":"a"}})").label_names.size() ==
        3);
  const auto gap =
      parse(R"({"architecture":"x","num_classes":3,"label_names":{"2":"c","0":"a"}})").label_names;
  CHECK(gap == std::vector<std::string>{"a", "class 1", "c"});
  CHECK(parse_pretrained(R"("num_classes":2,"label_names":["a","b"])").label_names ==
        std::vector<std::string>{"a", "b"});

  const auto imagenet = parse(R"({"architecture":"x","num_classes":1000})").label_names;
  REQUIRE(imagenet.size() == 1000);
  CHECK(imagenet[0] == "tench");
  CHECK(imagenet[281] == "tabby");
  CHECK(imagenet[999] == "toilet tissue");
  CHECK(parse(R"({"architecture":"x","num_classes":999})").label_names.empty());
  CHECK(parse(R"({"architecture":"x","num_classes":0,"label_names":["a"]})").label_names.empty());

  const ModelConfig silent = parse(R"({"architecture":"x","label_names":["a","b"]})");
  CHECK(silent.labels_for(2) == std::vector<std::string>{"a", "b"});
  check_error(ErrorKind::model, {"folder/config.json", "2 labels", "3 classes"},
              [&] { silent.labels_for(3); });
  check_bad(ErrorKind::model, {"2 labels", "10 classes"},
            R"({"architecture":"x","num_classes":10,"label_names":["a","b"]})");
  check_bad(ErrorKind::file, {"label_names", "seven"}, R"({"architecture":"x","label_names":{"seven":"a"}})");
  check_bad(ErrorKind::file, {"label_names", "4000000000"},
            R"({"architecture":"x","label_names":{"4000000000":"a"}})");
  check_bad(ErrorKind::file, {"label_names", "[1]"}, R"({"architecture":"x","label_names":[[1]]})");
  check_bad(ErrorKind::file, {"label_names", "true"}, R"({"architecture":"x","label_names":true})");
}

TEST_CASE("ImageNet's names are the thousand of the data set") {
  const auto labels = fovea::io::imagenet_labels();
  REQUIRE(labels.size() == 1000);
  for (const auto label : labels) CHECK_FALSE(label.empty());
  const auto shared = fovea::test::shared_folder();
  if (shared.empty()) {
    MESSAGE("no shared data folder: labels not compared with its list");
    return;
  }
  std::ifstream list(shared / "labels" / "imagenet1k.tsv");
  size_t line_count = 0;
  for (std::string line; std::getline(list, line); ++line_count) {
    REQUIRE(line_count < labels.size());
    CHECK(line.substr(line.rfind('\t') + 1) == labels[line_count]);
  }
  CHECK(line_count == 1000);
}

TEST_CASE("a transformers config is read") {
  const ModelConfig config = parse(R"({"architectures":["ViTForImageClassification"],"model_type":"vit",
    "hidden_size":192,"image_size":32,"id2label":{"0":"a","1":"b","10":"k","2":"c","3":"d","4":"e","5":"f","6":"g",
    "7":"h","8":"i","9":"j"}})",
                                   R"({"do_normalize":true,"do_resize":true,"image_mean":[0.1,0.2,0.3],
    "image_std":[0.4,0.5,0.6],"resample":3,"size":{"height":48,"width":64},"rescale_factor":0.00392156862745098})");
  CHECK(config.naming == Naming::transformers);
  CHECK(config.model_type == "vit");
  CHECK(config.architecture == "ViTForImageClassification");
  CHECK(config.num_classes == 11);
  CHECK(config.label_names.at(9) == "j");
  CHECK(config.label_names.at(10) == "k");
  CHECK(fovea::io::arg_uint(config.model_args, "hidden_size", 0, config.file) == 192);
  CHECK(config.preprocess.height == 48);
  CHECK(config.preprocess.width == 64);
  CHECK(config.preprocess.crop_mode == CropMode::squash);
  CHECK(config.preprocess.crop_pct == 1.0);
  CHECK(config.preprocess.interpolation == Interpolation::bicubic);
  CHECK(config.preprocess.mean == std::array<float, 3>{0.1F, 0.2F, 0.3F});
  CHECK(config.preprocess.std == std::array<float, 3>{0.4F, 0.5F, 0.6F});
}

TEST_CASE("a system is named by itself, its other keys are its own") {
  const ModelConfig config = parse(R"({"system":"lstm_classifier","hidden_size":16,"num_classes":5})");
  CHECK(config.naming == Naming::system);
  CHECK(config.architecture == "lstm_classifier");
  CHECK(config.model_type.empty());
  CHECK(config.num_classes == 5);
  CHECK(fovea::io::arg_uint(config.model_args, "hidden_size", 0, config.file) == 16);
  CHECK(parse(R"({"model_type":"vit","system":"lstm"})").naming == Naming::transformers);
  CHECK_THROWS_WITH_AS(parse(R"({"hidden_size":16})"), doctest::Contains("nor a system"), fovea::Error);
  CHECK_THROWS_WITH_AS(parse(R"({"system":7})"), doctest::Contains("system"), fovea::Error);
}

TEST_CASE("transformers' placeholders are no labels, and a bare encoder has no classes") {
  const ModelConfig placeholders = parse(R"({"model_type":"vit","id2label":{"0":"LABEL_0","1":"LABEL_1"}})");
  CHECK(placeholders.num_classes == 2);
  CHECK(placeholders.label_names.empty());
  CHECK(parse(R"({"model_type":"vit","num_labels":1000})").label_names.at(1) == "goldfish");
  CHECK_FALSE(parse(R"({"model_type":"vit"})").num_classes_given);
  const ModelConfig bare = parse(R"({"model_type":"vit","architectures":["ViTModel"],"id2label":{"0":"a"}})");
  CHECK(bare.num_classes_given);
  CHECK(bare.num_classes == 0);
  CHECK(bare.label_names.empty());
}

TEST_CASE("ViTImageProcessor squashes, with its own defaults") {
  const auto silent = parse(R"({"model_type":"vit","image_size":96})").preprocess;
  CHECK(silent.height == 96);
  CHECK(silent.crop_mode == CropMode::squash);
  CHECK(silent.interpolation == Interpolation::bilinear);
  CHECK(silent.mean == std::array<float, 3>{0.5F, 0.5F, 0.5F});
  CHECK(silent.std == std::array<float, 3>{0.5F, 0.5F, 0.5F});
  CHECK(parse_hf(R"({"size":384})").preprocess.width == 384);

  const auto plain = parse_hf(R"({"size":384,"do_normalize":false})").preprocess;
  CHECK(plain.mean == std::array<float, 3>{0, 0, 0});
  CHECK(plain.std == std::array<float, 3>{1, 1, 1});
}

TEST_CASE("PIL's resample codes") {
  const std::vector<Interpolation> codes = {Interpolation::nearest,  Interpolation::lanczos,
                                            Interpolation::bilinear, Interpolation::bicubic,
                                            Interpolation::box,      Interpolation::hamming};
  for (size_t code = 0; code < codes.size(); ++code) {
    CAPTURE(code);
    CHECK(parse_hf("{\"resample\":" + std::to_string(code) + "}").preprocess.interpolation == codes[code]);
  }
  check_error(ErrorKind::model, {"folder/preprocessor_config.json", "resample", "6"},
              [] { parse_hf(R"({"resample":6})"); });
}

TEST_CASE("crops keep the size before them exactly") {
  for (const uint32_t resized : {225U, 249U, 256U, 438U, 439U, 16384U}) {
    CAPTURE(resized);
    const std::string crop = R"(,"do_center_crop":true,"crop_size":{"height":224,"width":224}})";
    const auto squash = parse_hf(R"({"size":)" + std::to_string(resized) + crop).preprocess;
    CHECK(squash.crop_mode == CropMode::squash);
    CHECK(squash.height == 224);
    CHECK(resized_side(224, squash.crop_pct) == resized);
    const auto keep =
        parse_hf(R"({"size":{"shortest_edge":)" + std::to_string(resized) + "}" + crop).preprocess;
    CHECK(keep.crop_mode == CropMode::center);
    CHECK(resized_side(224, keep.crop_pct) == resized);
  }
  // DeiT's and BEiT's processors crop by default: 224 from 256.
  for (const char* config : {R"({"model_type":"deit"})", R"({"model_type":"beit"})"})
    for (const char* processor : {R"({"size":256,"crop_size":224})", R"({"do_normalize":true})"}) {
      const auto crops = parse(config, processor).preprocess;
      CHECK(resized_side(crops.height, crops.crop_pct) == 256);
      CHECK(crops.height == 224);
      CHECK(crops.interpolation == Interpolation::bicubic);
    }
}

TEST_CASE("ConvNeXt's processor crops below 384 and distorts from there on") {
  const auto small =
      parse_hf(
          R"({"image_processor_type":"ConvNextImageProcessor","size":{"shortest_edge":224},"crop_pct":0.875})")
          .preprocess;
  CHECK(small.crop_mode == CropMode::center);
  CHECK(small.height == 224);
  CHECK(resized_side(224, small.crop_pct) == 256);
  const auto large =
      parse_hf(R"({"feature_extractor_type":"ConvNextFeatureExtractor","size":384,"crop_pct":0.875})")
          .preprocess;
  CHECK(large.crop_mode == CropMode::squash);
  CHECK(large.width == 384);
  CHECK(resized_side(384, large.crop_pct) == 384);
  // Where the file is silent: 384, and 224 from 256 below.
  CHECK(parse_hf(R"({"image_processor_type":"ConvNextImageProcessor"})").preprocess.height == 384);
  const auto silent =
      parse_hf(R"({"image_processor_type":"ConvNextImageProcessor","size":{"shortest_edge":112}})");
  CHECK(resized_side(112, silent.preprocess.crop_pct) == 128);
}

TEST_CASE("an architecture's name of a megabyte is refused") {
  const std::string name = "convnext_atto." + std::string(1 << 20, 'a');
  for (const char* key : {"architecture", "model_type", "system"})
    CHECK_THROWS_WITH_AS(parse("{\"" + std::string(key) + "\":\"" + name + "\"}"),
                         doctest::Contains("names an architecture in 1048590 bytes, not in at most 256"),
                         fovea::Error);
}

TEST_CASE("preprocessing that Fovea cannot do is refused") {
  const auto refused = [](const char* preprocessor, std::initializer_list<std::string_view> fragments) {
    CAPTURE(preprocessor);
    check_error(ErrorKind::model, {"folder/preprocessor_config.json", "does not support"},
                [&] { parse_hf(preprocessor); });
    check_error(ErrorKind::model, fragments, [&] { parse_hf(preprocessor); });
  };
  refused(R"({"do_resize":false})", {"do_resize"});
  refused(R"({"do_rescale":false})", {"do_rescale"});
  refused(R"({"rescale_factor":0.5})", {"rescale_factor", "0.5"});
  refused(R"({"size":{"shortest_edge":224}})", {"shortest_edge"});
  refused(R"({"size":{"longest_edge":224}})", {"longest_edge"});
  refused(R"({"size":224,"crop_size":256})", {"crop_size", "256", "224"});
  refused(R"({"size":{"height":256,"width":512},"crop_size":224})", {"crop_size", "[256, 512]"});
  check_bad(ErrorKind::model, {"input_size", "[1,28,28]", "3 channels"},
            R"({"architecture":"x","pretrained_cfg":{"input_size":[1,28,28]}})");
}

TEST_CASE("nested garbage and other texts that are no config are refused") {
  const std::string deep_array = std::string(3'000'000, '[');
  check_bad(ErrorKind::file, {"nested deeper"}, deep_array);
  check_bad(ErrorKind::file, {"nested deeper"},
            R"({"architecture":"x","model_args":)" + deep_array + std::string(3'000'000, ']') + "}");
  std::string deep_object;
  for (int i = 0; i < 100'000; ++i) deep_object += "{\"a\":";
  check_bad(ErrorKind::file, {"nested deeper"}, deep_object);
  check_bad(ErrorKind::file, {"0 bytes"}, "");
  check_bad(ErrorKind::file, {"not valid JSON"}, "{");
  check_bad(ErrorKind::file, {"not valid JSON"}, std::string("\0\0\0\0", 4));
  check_bad(ErrorKind::file, {"not valid JSON"}, "{\"architecture\":\"\xc3\x28\"}");
  check_bad(ErrorKind::file, {"not a JSON object"}, "[1,2]");
  check_bad(ErrorKind::file, {"neither an architecture", "model_type"}, "{}");
  check_bad(ErrorKind::file, {"neither an architecture"}, R"({"architecture":null,"model_type":null})");
}

TEST_CASE("values of a wrong type or size are refused with key and value") {
  const auto timm = [](const std::string& rest) { return R"({"architecture":"x",)" + rest + "}"; };
  const auto pretrained = [&](const std::string& rest) { return timm(R"("pretrained_cfg":{)" + rest + "}"); };
  check_bad(ErrorKind::file, {"architecture", "7"}, R"({"architecture":7})");
  check_bad(ErrorKind::file, {"model_type", "[]"}, R"({"model_type":[]})");
  check_bad(ErrorKind::file, {"model_args", "[1]"}, timm(R"("model_args":[1])"));
  check_bad(ErrorKind::file, {"pretrained_cfg", "\"in1k\""}, timm(R"("pretrained_cfg":"in1k")"));
  check_bad(ErrorKind::file, {"num_classes", "-1"}, timm(R"("num_classes":-1)"));
  check_bad(ErrorKind::file, {"num_classes", "1099511627776"}, timm(R"("num_classes":1099511627776)"));
  check_bad(ErrorKind::file, {"num_classes", "1e+30"}, timm(R"("model_args":{"num_classes":1e30})"));
  check_bad(ErrorKind::file, {"num_classes", "\"10\""}, timm(R"("num_classes":"10")"));
  check_bad(ErrorKind::file, {"img_size", "1099511627776"},
            timm(R"("model_args":{"img_size":1099511627776})"));
  check_bad(ErrorKind::file, {"img_size", "[64,0]"}, timm(R"("model_args":{"img_size":[64,0]})"));
  check_bad(ErrorKind::file, {"img_size", "[64,64,64]"}, timm(R"("model_args":{"img_size":[64,64,64]})"));
  check_bad(ErrorKind::file, {"input_size", "[3,224]"}, pretrained(R"("input_size":[3,224])"));
  check_bad(ErrorKind::file, {"input_size", "-224"}, pretrained(R"("input_size":[3,-224,224])"));
  check_bad(ErrorKind::file, {"crop_pct", "0"}, pretrained(R"("crop_pct":0)"));
  check_bad(ErrorKind::file, {"crop_pct", "1e+30"}, pretrained(R"("crop_pct":1e30)"));
  check_bad(ErrorKind::file, {"crop_pct", "true"}, pretrained(R"("crop_pct":true)"));
  check_bad(ErrorKind::file, {"mean", "[0.5,0.5]"}, pretrained(R"("mean":[0.5,0.5])"));
  check_bad(ErrorKind::file, {"mean", "null"}, pretrained(R"("mean":[0.5,null,0.5])"));
  check_bad(ErrorKind::file, {"std", "[0,1,1]"}, pretrained(R"("std":[0,1,1])"));
  check_error(ErrorKind::file, {"folder/preprocessor_config.json", "height", "1099511627776"},
              [] { parse_hf(R"({"size":{"height":1099511627776,"width":224}})"); });
  check_error(ErrorKind::file, {"folder/preprocessor_config.json", "not a JSON object"},
              [] { parse_hf("[]"); });
}

TEST_CASE("settings are read with their types") {
  const json object = json::parse(
      R"({"n":7,"negative":-1,"real":0.5,"whole":2.0,"yes":true,"name":"gelu","none":null,"pair":[3,4],"big":4294967296})");
  const std::filesystem::path file = "c.json";
  CHECK(fovea::io::arg_uint(object, "n", 1, file) == 7);
  CHECK(fovea::io::arg_uint(object, "none", 1, file) == 1);
  CHECK(fovea::io::arg_uint(object, "absent", 1, file) == 1);
  CHECK(fovea::io::arg_double(object, "real", 0, file) == 0.5);
  CHECK(fovea::io::arg_double(object, "n", 0, file) == 7.0);
  CHECK(fovea::io::arg_bool(object, "yes", false, file));
  CHECK(fovea::io::arg_string(object, "name", "", file) == "gelu");
  CHECK(fovea::io::arg_size(object, "n", {}, file) == std::array<uint32_t, 2>{7, 7});
  CHECK(fovea::io::arg_size(object, "pair", {}, file) == std::array<uint32_t, 2>{3, 4});
  check_error(ErrorKind::file, {"c.json", "n is 7", "from 8 to 9"},
              [&] { fovea::io::arg_uint(object, "n", 1, file, 8, 9); });
  check_error(ErrorKind::file, {"negative is -1"}, [&] { fovea::io::arg_uint(object, "negative", 1, file); });
  check_error(ErrorKind::file, {"whole is 2.0"}, [&] { fovea::io::arg_uint(object, "whole", 1, file); });
  check_error(ErrorKind::file, {"yes is true"}, [&] { fovea::io::arg_uint(object, "yes", 1, file); });
  check_error(ErrorKind::file, {"big is 4294967296"},
              [&] { fovea::io::arg_uint(object, "big", 1, file, 0, 0xffffffffU); });
  check_error(ErrorKind::file, {"name is \"gelu\""}, [&] { fovea::io::arg_double(object, "name", 1, file); });
  check_error(ErrorKind::file, {"n is 7"}, [&] { fovea::io::arg_bool(object, "n", true, file); });
  check_error(ErrorKind::file, {"n is 7"}, [&] { fovea::io::arg_string(object, "n", "", file); });
  check_error(ErrorKind::file, {"real is 0.5"}, [&] { fovea::io::arg_size(object, "real", {}, file); });
}

TEST_CASE("an argument that nobody reads is refused") {
  const ModelConfig config =
      parse(R"({"architecture": "beit_base_patch16_224", "model_args": {"depth": 3, "act_layer": "relu"}})");
  CHECK_NOTHROW(check_known_args(config, {"act_layer", "depth"}));
  check_error(ErrorKind::model, {"folder/config.json", "act_layer", "relu", "beit_base_patch16_224"},
              [&] { check_known_args(config, {"depth"}); });
}

TEST_CASE("a folder is read, and what it lacks is said") {
  const TempFolder folder;
  check_error(ErrorKind::file, {"nowhere", "not a folder"},
              [&] { fovea::io::read_config(folder.path() / "nowhere"); });
  check_error(ErrorKind::file, {folder.path().string(), "config.json", "model.safetensors"},
              [&] { fovea::io::read_config(folder.path()); });
  folder.write("config.json", "");
  check_error(ErrorKind::file, {"config.json", "0 bytes"}, [&] { fovea::io::read_config(folder.path()); });
  const auto file = folder.write("config.json", R"({"model_type":"vit"})");
  CHECK(fovea::io::read_config(folder.path()).preprocess.height == 224);
  CHECK(fovea::io::read_config(folder.path()).file == file);
  folder.write("preprocessor_config.json", R"({"size":64})");
  CHECK(fovea::io::read_config(folder.path()).preprocess.height == 64);
  folder.write("preprocessor_config.json", "");
  check_error(ErrorKind::file, {"preprocessor_config.json", "0 bytes"},
              [&] { fovea::io::read_config(folder.path()); });
}

TEST_CASE("the golden ViT folders' configs are read") {
  const auto shared = fovea::test::shared_folder();
  if (shared.empty()) {
    MESSAGE("no shared data folder: golden configs not read");
    return;
  }
  struct Expected {
    const char* name;
    uint32_t height, width, classes;
  };
  for (const Expected& expected :
       {Expected{"vit_mini", 64, 64, 10}, Expected{"deit_mini_distilled", 64, 64, 10},
        Expected{"dinov2_mini_reg4", 70, 70, 0}, Expected{"dinov2_mini_swiglu", 70, 70, 0},
        Expected{"clip_mini", 96, 96, 16}, Expected{"siglip_mini", 64, 64, 0},
        Expected{"vit_mini_reg1_gap", 64, 64, 10}, Expected{"vit_mini_rect", 64, 112, 10}}) {
    CAPTURE(expected.name);
    const ModelConfig config = fovea::io::read_config(shared / "golden" / expected.name);
    CHECK(config.preprocess.height == expected.height);
    CHECK(config.preprocess.width == expected.width);
    CHECK(config.preprocess.crop_pct == 0.9);
    CHECK(config.num_classes == expected.classes);
    CHECK(fovea::io::arg_uint(config.model_args, "embed_dim", 0, config.file) == 48);
  }
}
