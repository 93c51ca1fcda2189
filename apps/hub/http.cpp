#include "apps/hub/http.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <memory>

#include "apps/text/typed.h"
#include "apps/util/terminal.h"
#include "core/text.h"
#include "fovea/error.h"

namespace fovea::apps::hub {
namespace {

constexpr size_t most_headers = 200;
constexpr long connect_seconds = 20, slow_bytes = 100;

struct Exchange {
  CURL* handle;
  Answer answer;
  const Sink* sink;
  bool refused = false;  // by the sink
};

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blank = " \t\r\n";
  const size_t first = text.find_first_not_of(blank);
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(blank) - first + 1);
}

size_t take_header(const char* data, size_t, size_t size, void* user) {
  auto& exchange = *static_cast<Exchange*>(user);
  const std::string_view line(data, size);
  // A proxy's answer and "100 Continue" come first; what counts is the last.
  if (line.starts_with("HTTP/")) exchange.answer.header.clear();
  const size_t colon = line.find(':');
  if (colon != line.npos && exchange.answer.header.size() < most_headers)
    exchange.answer.header[lower_case(std::string(line.substr(0, colon)))] = trimmed(line.substr(colon + 1));
  return size;
}

void take_status(Exchange& exchange) {
  long status = 0;
  curl_easy_getinfo(exchange.handle, CURLINFO_RESPONSE_CODE, &status);
  exchange.answer.status = static_cast<int>(status);
}

size_t take_body(const char* data, size_t, size_t size, void* user) {
  auto& exchange = *static_cast<Exchange*>(user);
  take_status(exchange);
  // The page that comes with an error or a redirect is not for us.
  if (!exchange.answer.good() || !*exchange.sink) return size;
  exchange.refused = !(*exchange.sink)(exchange.answer, std::as_bytes(std::span(data, size)));
  return exchange.refused ? 0 : size;
}

int take_time(void*, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return interrupted() ? 1 : 0;
}

long patience_seconds() {
  const char* variable = std::getenv("HF_HUB_DOWNLOAD_TIMEOUT");
  uint32_t seconds = 0;
  constexpr uint32_t most = 3600;
  if (variable != nullptr && parse_number(variable, seconds) && seconds > 0)
    return static_cast<long>(std::min(seconds, most));
  return 30;
}

// For a connection that could not be made, or a rule of ours that the other side broke.
bool is_hopeless(CURLcode code) {
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_OUT_OF_MEMORY:
      return true;
    default:
      return false;
  }
}

}  // namespace

std::string_view Answer::get(std::string_view name) const {
  const auto found = header.find(name);
  return found == header.end() ? std::string_view() : std::string_view(found->second);
}

std::optional<uint64_t> Answer::number(std::string_view name) const {
  const std::string_view text = get(name);
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

Http::Http() : handle_(nullptr) {
  static const CURLcode started = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (started == CURLE_OK) handle_ = curl_easy_init();
  if (handle_ == nullptr) throw Error(ErrorKind::unsupported, "pull: libcurl does not start");
}

Http::~Http() {
  curl_easy_cleanup(handle_);
}

Answer Http::ask(const Request& request, const Sink& sink) {
  Exchange exchange{handle_, {}, &sink};
  char error[CURL_ERROR_SIZE] = "";
  curl_slist* list = nullptr;
  for (const std::string& header : request.headers) list = curl_slist_append(list, header.c_str());
  const std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)> headers(list, curl_slist_free_all);

  curl_easy_reset(handle_);  // connections and names stay
  curl_easy_setopt(handle_, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(handle_, CURLOPT_PROTOCOLS_STR, request.plain_http ? "http,https" : "https");
  curl_easy_setopt(handle_, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(handle_, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(handle_, CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(handle_, CURLOPT_USERAGENT, "fovea/" FOVEA_VERSION);
  curl_easy_setopt(handle_, CURLOPT_NOBODY, request.head ? 1L : 0L);
  curl_easy_setopt(handle_, CURLOPT_ERRORBUFFER, error);
  curl_easy_setopt(handle_, CURLOPT_CONNECTTIMEOUT, connect_seconds);
  curl_easy_setopt(handle_, CURLOPT_LOW_SPEED_LIMIT, slow_bytes);
  curl_easy_setopt(handle_, CURLOPT_LOW_SPEED_TIME, patience_seconds());
  curl_easy_setopt(handle_, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  curl_easy_setopt(handle_, CURLOPT_HEADERFUNCTION, take_header);
  curl_easy_setopt(handle_, CURLOPT_HEADERDATA, &exchange);
  curl_easy_setopt(handle_, CURLOPT_WRITEFUNCTION, take_body);
  curl_easy_setopt(handle_, CURLOPT_WRITEDATA, &exchange);
  curl_easy_setopt(handle_, CURLOPT_XFERINFOFUNCTION, take_time);
  curl_easy_setopt(handle_, CURLOPT_NOPROGRESS, 0L);
  // As OpenSSL's own programs do, for people whose proxy has certificates of its own.
  if (const char* bundle = std::getenv("SSL_CERT_FILE"); bundle != nullptr && *bundle != '\0')
    curl_easy_setopt(handle_, CURLOPT_CAINFO, bundle);

  const CURLcode code = curl_easy_perform(handle_);
  take_status(exchange);
  Answer& answer = exchange.answer;
  if (const char* address = nullptr;
      curl_easy_getinfo(handle_, CURLINFO_REDIRECT_URL, &address) == CURLE_OK && address != nullptr)
    answer.redirect = address;
  curl_off_t seconds = 0;
  curl_easy_getinfo(handle_, CURLINFO_RETRY_AFTER, &seconds);
  if (seconds > 0) answer.retry_after = static_cast<uint64_t>(seconds);
  if (code != CURLE_OK && !exchange.refused) {
    answer.problem = printable(*error != '\0' ? error : curl_easy_strerror(code));
    answer.hopeless = is_hopeless(code);
  }
  curl_easy_setopt(handle_, CURLOPT_ERRORBUFFER, nullptr);
  return answer;
}

std::string origin_of(std::string_view url) {
  const std::unique_ptr<CURLU, decltype(&curl_url_cleanup)> parsed(curl_url(), curl_url_cleanup);
  if (!parsed || curl_url_set(parsed.get(), CURLUPART_URL, std::string(url).c_str(), 0) != CURLUE_OK)
    return {};
  std::string parts[3];
  const CURLUPart wanted[3] = {CURLUPART_SCHEME, CURLUPART_HOST, CURLUPART_PORT};
  for (size_t i = 0; i < 3; ++i) {
    char* text = nullptr;
    if (curl_url_get(parsed.get(), wanted[i], &text, CURLU_DEFAULT_PORT) != CURLUE_OK) return {};
    parts[i] = lower_case(text);
    curl_free(text);
  }
  return fmt::format("{}://{}:{}", parts[0], parts[1], parts[2]);
}

}  // namespace fovea::apps::hub
