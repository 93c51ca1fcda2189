#include "apps/util/terminal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <iostream>

#include "fovea/error.h"

namespace fovea::apps {
namespace {

volatile std::sig_atomic_t interrupts = 0;

[[noreturn]] void cannot_write() {
  if (errno == EPIPE) throw ReaderGone{};
  throw Error(ErrorKind::file, fmt::format("cannot write to standard output: {}", std::strerror(errno)));
}

}  // namespace

void guard_standard_streams() {
  for (int fd = 0; fd <= 2; ++fd) {
    if (fcntl(fd, F_GETFD) != -1) continue;
    // Read-only for stdout on purpose: results that go nowhere are an error.
    const int opened = open("/dev/null", fd == STDERR_FILENO ? O_WRONLY : O_RDONLY);
    if (opened != fd && opened != -1) {
      dup2(opened, fd);
      close(opened);
    }
  }
  std::signal(SIGPIPE, SIG_IGN);
}

void write_out(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size()) cannot_write();
}

void flush_out() {
  if (!std::cout.flush() || std::fflush(stdout) != 0) cannot_write();
}

void complain(std::string_view message) {
  const std::string line = fmt::format("fovea: {}\n", message);
  std::fwrite(line.data(), 1, line.size(), stderr);
}

bool stdout_is_terminal() {
  return isatty(STDOUT_FILENO) != 0;
}
bool stderr_is_terminal() {
  return isatty(STDERR_FILENO) != 0;
}

void catch_interrupts() {
  struct sigaction action {};
  action.sa_handler = [](int) { interrupts = 1; };
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

bool interrupted() {
  return interrupts != 0;
}

}  // namespace fovea::apps
