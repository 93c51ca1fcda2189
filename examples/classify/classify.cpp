// Classifies one picture: classify MODEL-FOLDER PICTURE
#include <cstdio>

#define STB_IMAGE_IMPLEMENTATION
#include <stb_image.h>

#include "fovea/fovea.h"

int main(int argc, char** argv) try {
  int width = 0, height = 0;
  stbi_uc* pixels = argc == 3 ? stbi_load(argv[2], &width, &height, nullptr, 3) : nullptr;
  if (!pixels) throw fovea::Error(fovea::ErrorKind::usage, "usage: classify MODEL-FOLDER PICTURE");
  fovea::Model model = fovea::Model::load(fovea::Device::open(), argv[1]);
  fovea::Session session(model);
  fovea::ImageView image{pixels, uint32_t(width), uint32_t(height), size_t(width) * 3,
                         fovea::PixelFormat::rgb8};
  const auto results = session.classify({&image, 1});
  for (const fovea::Prediction& best : results[0].topk)
    std::printf("%5u %6.2f %%\n", best.index, 100.0 * static_cast<double>(best.probability));
  stbi_image_free(pixels);
  return 0;
} catch (const fovea::Error& error) {
  std::fprintf(stderr, "classify: %s\n", error.what());
  return 1;
}
