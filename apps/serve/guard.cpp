#include "apps/serve/guard.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <sys/random.h>

#include <algorithm>
#include <array>

#include "apps/text/typed.h"
#include "apps/util/terminal.h"
#include "core/text.h"
#include "fovea/error.h"

namespace fovea::apps::serve {
namespace {

constexpr std::string_view cookie_name = "fovea_token=";

// Takes as long for a wrong first letter as for a wrong last one.
bool equal_secret(std::string_view given, std::string_view secret) {
  unsigned difference = given.size() == secret.size() ? 0 : 1;
  for (size_t i = 0; i < given.size(); ++i)
    difference |=
        static_cast<unsigned char>(given[i]) ^ static_cast<unsigned char>(secret[i % secret.size()]);
  return difference == 0;
}

bool is_loopback(const std::string& host) {
  in_addr v4{};
  in6_addr v6{};
  if (inet_pton(AF_INET, host.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
  return inet_pton(AF_INET6, host.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

// Without the port, and without the brackets of an IPv6 address.
std::string host_name(std::string_view host) {
  if (host.starts_with('[')) return std::string(host.substr(1, host.find(']') - 1));
  return std::string(host.substr(0, host.find(':')));
}

}  // namespace

Address parse_address(const std::string& text) {
  const auto wrong = [&] {
    throw Error(
        ErrorKind::usage,
        fmt::format("--serve {}: want [ADDR:]PORT, for example 8080 or 0.0.0.0:8080", printable(text)));
  };
  Address out;
  const size_t colon = text.rfind(':');
  uint32_t port = 0;
  if (!parse_number(std::string_view(text).substr(colon == text.npos ? 0 : colon + 1), port) || port > 65535)
    wrong();
  out.port = static_cast<uint16_t>(port);
  if (colon == text.npos) return out;
  out.host = text.substr(0, colon);
  if (out.host.starts_with('[') && out.host.ends_with(']'))
    out.host = out.host.substr(1, out.host.size() - 2);
  if (out.host == "localhost") out.host = "127.0.0.1";
  std::array<unsigned char, sizeof(in6_addr)> any{};
  if (inet_pton(AF_INET, out.host.c_str(), any.data()) != 1 &&
      inet_pton(AF_INET6, out.host.c_str(), any.data()) != 1)
    wrong();
  out.loopback = is_loopback(out.host);
  return out;
}

std::string random_id() {
  std::array<unsigned char, 16> bytes;
  if (getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
    throw Error(ErrorKind::unsupported, "[serve] the system gives no random numbers");
  std::string out;
  for (const unsigned char b : bytes) out += fmt::format("{:02x}", b);
  return out;
}

Guard::Guard(const Address& address, std::string token) : token_(std::move(token)) {
  if (token_.empty() && !address.loopback)
    throw Error(ErrorKind::usage, fmt::format("--serve {}: others could reach this; give --token WORD or set "
                                              "FOVEA_TOKEN, or serve 127.0.0.1",
                                              address.host));
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.' || c == '~';
  };
  if (!std::all_of(token_.begin(), token_.end(), plain) || token_.size() > 256)
    throw Error(ErrorKind::usage, "--token: want at most 256 letters, digits and -_.~");
}

bool Guard::knows_token(const Request& request) const {
  const std::string* asked = request.parameter("token");
  if (asked != nullptr) return equal_secret(*asked, token_);
  std::string_view bearer = request.header("authorization");
  if (bearer.starts_with("Bearer ")) return equal_secret(bearer.substr(7), token_);
  std::string_view cookies = request.header("cookie");
  while (!cookies.empty()) {
    std::string_view one = cookies.substr(0, cookies.find(';'));
    cookies.remove_prefix(std::min(cookies.size(), one.size() + 1));
    while (one.starts_with(' ')) one.remove_prefix(1);
    if (one.starts_with(cookie_name) && equal_secret(one.substr(cookie_name.size()), token_)) return true;
  }
  return false;
}

void Guard::check(const Request& request) const {
  const std::string_view host = request.header("host");
  if (host.empty()) throw Refusal(400, "no Host header");
  // A foreign name that was made to point here (DNS rebinding) would let its page read everything. With a
  // token it reads nothing, and this machine may have any name.
  const std::string name = host_name(host);
  if (token_.empty() && name != "localhost" && !is_loopback(name))
    throw Refusal(403, "this server answers to localhost and 127.0.0.1 only");
  if (!token_.empty() && !knows_token(request))
    throw Refusal(
        401, "the token is missing or wrong: open the page with ?token=… or send Authorization: Bearer …");
  if (request.method == "GET" || request.method == "HEAD") return;
  const std::string_view origin = request.header("origin");
  if (!origin.empty() && origin != fmt::format("http://{}", host) &&
      origin != fmt::format("https://{}", host))
    throw Refusal(403, "another web page may not change anything here");
  const std::string_view site = request.header("sec-fetch-site");
  if (!site.empty() && site != "same-origin" && site != "none")
    throw Refusal(403, "another web page may not change anything here");
}

std::optional<Response> Guard::welcome(const Request& request) const {
  if (token_.empty() || request.path != "/" || request.parameter("token") == nullptr) return std::nullopt;
  Response out = text_response("", "text/plain", 303);
  out.headers.emplace_back("Location", "/");
  out.headers.emplace_back("Set-Cookie",
                           fmt::format("{}{}; Path=/; HttpOnly; SameSite=Strict", cookie_name, token_));
  return out;
}

}  // namespace fovea::apps::serve
