#include <opencv2/imgcodecs.hpp>

#include "apps/opencv/modules.h"

namespace fovea::apps::opencv {
namespace {

constexpr Codecs table{
    .decode = [](const std::vector<uint8_t>& file, int flags) { return cv::imdecode(file, flags); },
    .encode =
        [](const std::string& extension, const cv::Mat& picture, std::vector<uint8_t>& file,
           const std::vector<int>& settings) { return cv::imencode(extension, picture, file, settings); },
    .can_encode = [](const std::string& name) { return cv::haveImageWriter(name); },
};

}  // namespace
}  // namespace fovea::apps::opencv

FOVEA_OPENCV_MODULE(fovea::apps::opencv::table)
