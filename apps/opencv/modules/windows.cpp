#include <opencv2/highgui.hpp>

#include "apps/opencv/modules.h"

namespace fovea::apps::opencv {
namespace {

constexpr Windows table{
    .open = [](const std::string& title, int flags) { cv::namedWindow(title, flags); },
    .close_all = [] { cv::destroyAllWindows(); },
    .on_mouse = [](const std::string& title, void (*callback)(int, int, int, int, void*),
                   void* data) { cv::setMouseCallback(title, callback, data); },
    .resize = [](const std::string& title, cv::Size size) { cv::resizeWindow(title, size); },
    .area = [](const std::string& title) { return cv::getWindowImageRect(title); },
    .visible =
        [](const std::string& title) { return cv::getWindowProperty(title, cv::WND_PROP_VISIBLE) >= 1; },
    .show = [](const std::string& title, const cv::Mat& bgr) { cv::imshow(title, bgr); },
    .wait_key = [](int milliseconds) { return cv::waitKey(milliseconds); },
};

}  // namespace
}  // namespace fovea::apps::opencv

FOVEA_OPENCV_MODULE(fovea::apps::opencv::table)
