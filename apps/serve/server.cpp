#include "apps/serve/server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <new>
#include <system_error>

#include "apps/util/terminal.h"
#include "core/text.h"
#include "fovea/error.h"

namespace fovea::apps::serve {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// A peer that takes less than this for a whole answer is cut off.
constexpr size_t least_bytes_per_second = 8192;
// Each connection may have one body of this size.
constexpr uint64_t small_body = 4 << 20;
// Little is queued in the kernel, so that a slow client's next picture is a new one.
constexpr int send_buffer = 256 << 10, unsent_low_water = 32 << 10;

int listening_socket(const std::string& address, uint16_t port) {
  sockaddr_storage place{};
  socklen_t size = sizeof(sockaddr_in);
  auto* v4 = reinterpret_cast<sockaddr_in*>(&place);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&place);
  if (inet_pton(AF_INET, address.c_str(), &v4->sin_addr) == 1) {
    place.ss_family = AF_INET;
    v4->sin_port = htons(port);
  } else if (inet_pton(AF_INET6, address.c_str(), &v6->sin6_addr) == 1) {
    place.ss_family = AF_INET6;
    v6->sin6_port = htons(port);
    size = sizeof(sockaddr_in6);
  } else {
    throw Error(ErrorKind::usage, fmt::format("--serve {}: not an IP address", printable(address)));
  }
  const int fd = socket(place.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const int on = 1;
  if (fd >= 0) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (fd < 0 || bind(fd, reinterpret_cast<const sockaddr*>(&place), size) != 0 || listen(fd, 128) != 0) {
    const std::string reason = std::strerror(errno);
    if (fd >= 0) close(fd);
    throw Error(ErrorKind::file, fmt::format("--serve {} port {}: {}", address, port, reason));
  }
  return fd;
}

uint16_t port_of(int fd) {
  sockaddr_storage place{};
  socklen_t size = sizeof place;
  getsockname(fd, reinterpret_cast<sockaddr*>(&place), &size);
  return ntohs(place.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6*>(&place)->sin6_port
                                           : reinterpret_cast<sockaddr_in*>(&place)->sin_port);
}

}  // namespace

struct Server::Connection {
  int fd = -1;
  std::thread thread{};
  // Since when we wait for a whole request. A connection that is being answered never gives way to a
  // newcomer.
  std::atomic<Clock::rep> waiting_since{0};
  bool gives_way = false;
  std::atomic<bool> ended{false};
};

// The other end of a connection. Every wait ends early when the server stops.
class Server::Peer : public Outlet {
 public:
  Peer(int fd, const Server& server) : fd_(fd), server_(server) {}

  bool stopping() const override { return server_.stopping_; }

  bool gone() override {
    pollfd entry{fd_, POLLRDHUP, 0};
    return poll(&entry, 1, 0) > 0;
  }

  bool ready(int wait_ms) override {
    return wait(POLLOUT | POLLRDHUP, Clock::now() + milliseconds(wait_ms)) == Waited::yes;
  }

  bool send(std::string_view bytes) override {
    const auto allowance = milliseconds(bytes.size() * 1000 / least_bytes_per_second);
    return send(bytes, Clock::now() + server_.limits_.write + allowance);
  }

  bool send(std::string_view bytes, Clock::time_point deadline) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent > 0) bytes.remove_prefix(static_cast<size_t>(sent));
      if (sent >= 0 || errno == EINTR) continue;
      if ((errno != EAGAIN && errno != EWOULDBLOCK) || wait(POLLOUT, deadline) != Waited::yes) return false;
    }
    return true;
  }

  enum class Waited { yes, late, gone };

  // Appends what has arrived.
  Waited receive(std::string& buffer, Clock::time_point deadline) {
    std::array<char, 65536> bytes;
    for (;;) {
      const ssize_t got = recv(fd_, bytes.data(), bytes.size(), MSG_DONTWAIT);
      if (got > 0) {
        buffer.append(bytes.data(), static_cast<size_t>(got));
        return Waited::yes;
      }
      if (got == 0) return Waited::gone;
      if (errno == EINTR) continue;
      if (errno != EAGAIN && errno != EWOULDBLOCK) return Waited::gone;
      const Waited waited = wait(POLLIN, deadline);
      if (waited != Waited::yes) return waited;
    }
  }

  // After a refusal the rest of the request is thrown away for a moment: closing with unread bytes would
  // reset the connection before the peer has read why.
  void linger() {
    shutdown(fd_, SHUT_WR);
    const auto deadline = Clock::now() + milliseconds(500);
    std::string rest;
    for (size_t total = 0; total < (4U << 20) && receive(rest, deadline) == Waited::yes; rest.clear())
      total += rest.size();
  }

 private:
  Waited wait(int16_t events, Clock::time_point deadline) {
    while (!stopping()) {
      const auto left = std::chrono::duration_cast<milliseconds>(deadline - Clock::now());
      if (left.count() <= 0) return Waited::late;
      pollfd entry{fd_, events, 0};
      const int got = poll(&entry, 1, static_cast<int>(std::min<int64_t>(left.count(), 200)));
      if (got < 0 && errno != EINTR) return Waited::gone;
      if (got <= 0) continue;
      if ((entry.revents & (events & POLLRDHUP)) != 0) return Waited::gone;
      if ((entry.revents & events) != 0) return Waited::yes;
      if ((entry.revents & (POLLERR | POLLHUP | POLLNVAL)) != 0) return Waited::gone;
    }
    return Waited::gone;
  }

  int fd_;
  const Server& server_;
};

Server::Server(const std::string& address, uint16_t port, Handler& handler, const ServerLimits& limits)
    : handler_(handler),
      limits_(limits),
      listener_(listening_socket(address, port)),
      port_(port_of(listener_)) {}

Server::~Server() {
  stop();
}

size_t Server::connections() const {
  const std::lock_guard lock(mutex_);
  return connections_.size();
}

void Server::serve(std::chrono::milliseconds time) {
  const auto deadline = Clock::now() + time;
  for (;;) {
    const auto left = std::chrono::duration_cast<milliseconds>(deadline - Clock::now()).count();
    pollfd entry{listener_, POLLIN, 0};
    if (left <= 0 || poll(&entry, 1, static_cast<int>(left)) <= 0) break;
    accept_one();
  }
  reap();
}

void Server::accept_one() {
  const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
  if (fd < 0) {
    // Out of descriptors: the waiting connection would wake poll() again at once.
    if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
      std::this_thread::sleep_for(milliseconds(50));
    return;
  }
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &send_buffer, sizeof send_buffer);
  setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent_low_water, sizeof unsent_low_water);
  reap();
  const std::lock_guard lock(mutex_);
  if (!make_room()) {
    const Response full = error_response(503, fmt::format("{} connections already", connections_.size()));
    const std::string text = head_of(full, true) + *full.body;
    (void)::send(fd, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    close(fd);
    return;
  }
  Connection& connection = connections_.emplace_back();
  connection.fd = fd;
  connection.waiting_since = Clock::now().time_since_epoch().count();
  try {
    connection.thread = std::thread([this, &connection] { run(connection); });
  } catch (const std::system_error&) {
    close(fd);
    connections_.pop_back();
  }
}

// When all places are taken, the connection that has kept us waiting longest for a request gives way. Its
// thread ends a moment later, so for that moment there may be more threads than places, but not twice as
// many.
bool Server::make_room() {
  size_t places = 0;
  Connection* longest = nullptr;
  for (Connection& c : connections_) {
    if (c.fd < 0 || c.gives_way) continue;
    ++places;
    if (c.waiting_since != 0 && (longest == nullptr || c.waiting_since < longest->waiting_since))
      longest = &c;
  }
  if (places < limits_.connections) return true;
  if (longest == nullptr || connections_.size() >= 2 * limits_.connections) return false;
  longest->gives_way = true;
  shutdown(longest->fd, SHUT_RDWR);
  return true;
}

void Server::reap() {
  std::list<Connection> ended;
  {
    const std::lock_guard lock(mutex_);
    for (auto at = connections_.begin(); at != connections_.end();) {
      const auto next = std::next(at);
      if (at->ended) ended.splice(ended.end(), connections_, at);
      at = next;
    }
  }
  for (Connection& c : ended) c.thread.join();
}

void Server::stop() {
  stopping_ = true;
  if (listener_ >= 0) close(listener_);
  listener_ = -1;
  {
    const std::lock_guard lock(mutex_);
    for (const Connection& c : connections_)
      if (c.fd >= 0) shutdown(c.fd, SHUT_RDWR);
  }
  for (Connection& c : connections_)
    if (c.thread.joinable()) c.thread.join();
  connections_.clear();
}

void Server::run(Connection& connection) {
  try {
    Peer peer(connection.fd, *this);
    std::string buffer;
    while (!stopping_ && one_request(connection, peer, buffer)) {
    }
  } catch (const std::exception&) {
    // Out of memory, or no further thread: this connection ends, the others go on.
  }
  const std::lock_guard lock(mutex_);
  close(connection.fd);
  connection.fd = -1;
  connection.ended = true;
}

// One of the places for large bodies that are received or worked on. The destructor gives it back.
class Server::Place {
 public:
  explicit Place(std::atomic<size_t>& taken) : taken_(taken) {}
  ~Place() {
    if (held_) --taken_;
  }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  void take(size_t most) {
    held_ = true;
    if (++taken_ > most) throw Refusal(503, "too many uploads at once");
  }

 private:
  std::atomic<size_t>& taken_;
  bool held_ = false;
};

// Reads one request to its end; false where the peer left before. Throws Refusal.
bool Server::read(RequestReader& reader, Place& place, Peer& peer, std::string& buffer) {
  if (buffer.empty() && peer.receive(buffer, Clock::now() + limits_.idle) != Peer::Waited::yes) return false;
  auto deadline = Clock::now() + limits_.head;
  const auto more = [&](const char* what) {
    const Peer::Waited got = peer.receive(buffer, deadline);
    if (got == Peer::Waited::late) throw Refusal(408, fmt::format("the {} took too long", what));
    return got == Peer::Waited::yes;
  };
  for (reader.take(buffer); !reader.head_done(); reader.take(buffer))
    if (!more("headers")) return false;
  const uint64_t most = handler_.admit(reader.request());
  reader.limit_body(most);
  reader.take(buffer);
  if (!reader.done()) {
    if (most > small_body) place.take(limits_.bodies);
    if (reader.request().header("expect") == "100-continue" && !peer.send("HTTP/1.1 100 Continue\r\n\r\n"))
      return false;
  }
  deadline = Clock::now() + limits_.body;
  for (; !reader.done(); reader.take(buffer))
    if (!more("body")) return false;
  return true;
}

// Whether all of it left.
bool Server::send(const Response& response, Peer& peer, bool head_only, bool close_after) {
  std::string message = head_of(response, close_after);
  // Small answers leave in one packet.
  const bool together = !response.stream && response.body->size() < 4096;
  if (together && !head_only && response.status != 204) message += *response.body;
  if (!peer.send(message)) return false;
  if (head_only || together) return true;
  if (!response.stream) return peer.send(*response.body);
  response.stream(peer);
  return true;
}

// Reads one request and answers it; whether another may follow.
bool Server::one_request(Connection& connection, Peer& peer, std::string& buffer) {
  Place place(bodies_);
  RequestReader reader;
  Response response;
  bool whole = false;
  connection.waiting_since = Clock::now().time_since_epoch().count();
  try {
    if (!read(reader, place, peer, buffer)) return false;
    whole = true;
    connection.waiting_since = 0;
    response = handler_.answer(reader.request());
  } catch (const Refusal& refusal) {
    response = error_response(refusal.status(), refusal.what());
  } catch (const std::bad_alloc&) {
    response = error_response(503, "not enough memory for this request");
  } catch (const std::exception& error) {
    response = error_response(500, error.what());
  }
  const bool close_after = !whole || !reader.request().keep_alive || response.stream || stopping_;
  const bool head_only = reader.head_done() && reader.request().method == "HEAD";
  if (!send(response, peer, head_only, close_after)) return false;
  if (!whole) peer.linger();
  return !close_after;
}

}  // namespace fovea::apps::serve
