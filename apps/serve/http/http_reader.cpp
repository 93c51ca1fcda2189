// Parsing is Boost.Beast's; limits and what a handler sees of it are ours.
#include <fmt/format.h>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include "apps/serve/http/http.h"

namespace fovea::apps::serve {
namespace http = boost::beast::http;

namespace {

std::string small_letters(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

// Both Boost's and the standard's views of text convert this way.
template <class View>
std::string_view view_of_text(const View& text) {
  return {text.data(), text.size()};
}

std::map<std::string, std::string> parse_query(std::string_view text) {
  std::map<std::string, std::string> out;
  while (!text.empty()) {
    const std::string_view pair = text.substr(0, text.find('&'));
    text.remove_prefix(std::min(text.size(), pair.size() + 1));
    if (pair.empty()) continue;
    const size_t equals = pair.find('=');
    const auto name = decode_url(pair.substr(0, equals));
    const auto value = decode_url(equals == pair.npos ? std::string_view() : pair.substr(equals + 1));
    if (!name || !value) throw Refusal(400, "the query is not percent-encoded text");
    out.emplace(*name, *value);
  }
  return out;
}

[[noreturn]] void refuse(const boost::system::error_code& error) {
  if (error == http::error::header_limit)
    throw Refusal(431, fmt::format("headers of more than {} bytes", most_header_bytes));
  if (error == http::error::body_limit || error == http::error::buffer_overflow)
    throw Refusal(413, "the body is larger than this address takes");
  throw Refusal(400, fmt::format("not HTTP: {}", error.message()));
}

}  // namespace

struct RequestReader::Impl {
  http::request_parser<http::string_body> parser{};
  bool head = false;
};

RequestReader::RequestReader() : impl_(std::make_unique<Impl>()) {
  impl_->parser.header_limit(most_header_bytes);
  impl_->parser.body_limit(most_body_bytes);
}
RequestReader::~RequestReader() = default;

void RequestReader::take(std::string& buffer) {
  auto& parser = impl_->parser;
  size_t taken = 0;
  while (taken < buffer.size() && !parser.is_done()) {
    boost::system::error_code error;
    taken += parser.put(boost::asio::buffer(buffer.data() + taken, buffer.size() - taken), error);
    if (error == http::error::need_more) break;
    if (error) refuse(error);
    if (parser.is_header_done() && !impl_->head) {
      read_head();
      parser.eager(true);
      break;
    }
  }
  buffer.erase(0, taken);
  if (done()) request_.body = std::move(parser.get().body());
}

void RequestReader::read_head() {
  const auto& message = impl_->parser.get();
  impl_->head = true;
  request_.method = view_of_text(message.method_string());
  const std::string_view target = view_of_text(message.target());
  if (target.empty() || target.front() != '/') throw Refusal(400, "the request names no path");
  const size_t mark = target.find('?');
  request_.path = target.substr(0, mark);
  if (mark != target.npos) request_.query = parse_query(target.substr(mark + 1));
  for (const auto& field : message) {
    const std::string name = small_letters(view_of_text(field.name_string()));
    // Two answers to "which host?" are an attack on somebody.
    if (!request_.headers.emplace(name, view_of_text(field.value())).second && name == "host")
      throw Refusal(400, "two Host headers");
  }
  request_.keep_alive = message.keep_alive();
}

bool RequestReader::head_done() const {
  return impl_->head;
}
bool RequestReader::done() const {
  return impl_->head && impl_->parser.is_done();
}

void RequestReader::limit_body(uint64_t bytes) {
  const auto announced = impl_->parser.content_length();
  if (announced && *announced > bytes)
    throw Refusal(413,
                  fmt::format("a body of {} bytes, this address takes {}", std::uint64_t{*announced}, bytes));
  impl_->parser.body_limit(bytes);
}

}  // namespace fovea::apps::serve
