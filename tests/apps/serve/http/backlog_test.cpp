#include "apps/serve/http/backlog.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>

namespace fovea::apps::serve {
namespace {

// A peer with room for so many bytes; `blocked` counts what was sent without it.
class Peer : public Outlet {
 public:
  bool ready(int) override { return room > 0; }
  bool send(std::string_view bytes) override {
    if (hung_up) return false;
    if (room == 0) ++blocked;
    got += bytes;
    room -= std::min(room, bytes.size());
    return true;
  }
  bool stopping() const override { return false; }
  bool gone() override { return hung_up; }

  std::string got;
  size_t room = 0;
  int blocked = 0;
  bool hung_up = false;
};

std::string line(char letter, size_t size) {
  return std::string(size, letter) + '\n';
}

}  // namespace

TEST_CASE("a backlog keeps what the peer has no room for, and everything arrives once and in order") {
  Peer peer;
  Backlog lines(peer);
  std::string all;
  for (char letter = 'a'; letter <= 'z'; ++letter) {
    peer.room = letter % 5 == 0 ? 40000 : 0;  // now and then the peer reads
    const std::string next = line(letter, 9000);
    all += next;
    lines.add(next);
  }
  CHECK(peer.blocked == 0);
  CHECK(peer.got.size() > 0);
  CHECK(peer.got.size() < all.size());
  lines.finish();
  CHECK(peer.got == all);
}

TEST_CASE("a backlog sends at once to a peer that reads") {
  Peer peer;
  Backlog lines(peer);
  peer.room = 1 << 20;
  lines.add("one\n");
  CHECK(peer.got == "one\n");
  lines.add(line('b', 100000));
  CHECK(peer.got.size() == 4 + 100001);
}

TEST_CASE("a backlog ends with its peer") {
  Peer peer;
  Backlog lines(peer);
  lines.add(line('a', 200000));
  peer.hung_up = true;
  lines.finish();
  CHECK(peer.got.empty());
}

}  // namespace fovea::apps::serve
