// A small HTTP/1.1 server for untrusted peers: a thread a connection, a deadline on everything.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "apps/serve/http/http.h"

namespace fovea::apps::serve {

class Handler {
 public:
  virtual ~Handler() = default;
  // Called with the headers alone: the largest body that is read for this request. Throws Refusal.
  virtual uint64_t admit(const Request& head) = 0;
  virtual Response answer(const Request& request) = 0;
};

struct ServerLimits {
  size_t connections = 128;
  size_t bodies = 8;                       // large uploads that are being received or worked on
  std::chrono::milliseconds head{10000};   // from the first byte to the end of the headers
  std::chrono::milliseconds body{60000};   // to the end of the body
  std::chrono::milliseconds idle{30000};   // between requests
  std::chrono::milliseconds write{25000};  // for the peer to take one answer; a picture of a stream is one
};

class Server {
 public:
  // Binds and listens. Throws Error(usage) for an address that is none, Error(file) for one that is taken.
  Server(const std::string& address, uint16_t port, Handler& handler, const ServerLimits& limits = {});
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  uint16_t port() const { return port_; }
  size_t connections() const;
  // Accepts whoever comes within this time.
  void serve(std::chrono::milliseconds time);
  // Ends every connection and waits for their threads.
  void stop();

 private:
  struct Connection;
  class Peer;
  class Place;

  void accept_one();
  bool make_room();
  void reap();
  void run(Connection& connection);
  bool one_request(Connection& connection, Peer& peer, std::string& buffer);
  bool read(RequestReader& reader, Place& place, Peer& peer, std::string& buffer);
  static bool send(const Response& response, Peer& peer, bool head_only, bool close_after);

  Handler& handler_;
  ServerLimits limits_;
  int listener_ = -1;
  uint16_t port_ = 0;
  std::atomic<bool> stopping_{false};
  std::atomic<size_t> bodies_{0};
  mutable std::mutex mutex_;  // of the list and of each connection's descriptor
  std::list<Connection> connections_;
};

}  // namespace fovea::apps::serve
