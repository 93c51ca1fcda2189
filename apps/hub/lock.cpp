#include "apps/hub/lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

#include "apps/hub/patience.h"
#include "apps/util/terminal.h"
#include "core/text.h"
#include "fovea/error.h"

namespace fovea::apps::hub {

Lock::Lock(const std::filesystem::path& file, const char* what) {
  descriptor_ = open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
  const auto attempt = [&] { return flock(descriptor_, LOCK_EX | LOCK_NB) == 0 ? 0 : errno; };
  int error = descriptor_ < 0 ? errno : attempt();
  if (error == EWOULDBLOCK) complain(fmt::format("another process is {}: waiting for it", what));
  // Asked again and again: a Ctrl-C just before a call that blocks would go unnoticed.
  while ((error == EWOULDBLOCK || error == EINTR) && !interrupted()) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    error = attempt();
  }
  if (error == 0) return;
  if (descriptor_ >= 0) close(descriptor_);
  if (interrupted()) throw Interrupted{};
  throw Error(ErrorKind::file,
              fmt::format("pull: cannot lock {}: {}", printable(file.native()), std::strerror(error)));
}

Lock::~Lock() {
  close(descriptor_);
}

}  // namespace fovea::apps::hub
