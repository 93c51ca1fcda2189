#include "apps/hub/fetch.h"

#include <fmt/format.h>

#include <charconv>
#include <exception>
#include <optional>
#include <system_error>
#include <utility>

#include "apps/hub/refusal.h"
#include "apps/hub/store.h"
#include "apps/util/digest.h"
#include "apps/util/progress.h"
#include "apps/util/terminal.h"
#include "core/text.h"
#include "fovea/error.h"

namespace fovea::apps::hub {
namespace fs = std::filesystem;

namespace {

constexpr int most_redirects = 5;
constexpr uint64_t worth_a_new_count = 64 << 10;  // bytes that an attempt brought

[[noreturn]] void fail(const std::string& message) {
  throw Error(ErrorKind::file, message);
}

// W/"abc" → abc
std::string plain_etag(std::string_view etag) {
  if (etag.starts_with("W/")) etag.remove_prefix(2);
  if (etag.size() >= 2 && etag.front() == '"' && etag.back() == '"') etag = etag.substr(1, etag.size() - 2);
  return std::string(etag);
}

// Only a strong ETag says that bytes are the same.
std::string validator_of(const Answer& answer) {
  const std::string_view etag = answer.get("etag");
  return etag.starts_with('"') ? std::string(etag) : std::string();
}

bool is_redirect(const Answer& answer) {
  return answer.status >= 300 && answer.status < 400 && !answer.redirect.empty();
}

bool comes_and_goes(const Answer& answer) {
  return answer.status == 0 || answer.status == 408 || answer.status == 429 || answer.status >= 500;
}

std::string what_happened(const Answer& answer, const std::string& address) {
  const std::string host = origin_of(address);
  if (!answer.problem.empty()) return fmt::format("pull: {}: {}", host, answer.problem);
  if (answer.status == 429) return fmt::format("pull: {} says that it is asked too often (HTTP 429)", host);
  return fmt::format("pull: {} answers with HTTP {}", host, answer.status);
}

// "bytes 100-199/200" → 100, when it ends where the file does.
bool continues_at(const Answer& answer, uint64_t offset, const std::optional<uint64_t>& size) {
  std::string_view range = answer.get("content-range");
  constexpr std::string_view unit = "bytes ";
  if (!range.starts_with(unit)) return false;
  range.remove_prefix(unit.size());
  uint64_t first = 0;
  const auto [end, error] = std::from_chars(range.data(), range.data() + range.size(), first);
  if (error != std::errc() || first != offset) return false;
  return !size || range.ends_with(fmt::format("-{}/{}", *size - 1, *size));
}

void demand_room(const fs::path& folder, const std::string& file, uint64_t bytes) {
  std::error_code error;
  const fs::space_info space = fs::space(folder, error);
  if (!error && space.available < bytes)
    fail(
        fmt::format("pull: {} needs {} more, there are {} on the disk of {}: make room or set XDG_CACHE_HOME",
                    file, bytes_text(bytes), bytes_text(space.available), printable(folder.native())));
}

}  // namespace

Fetcher::Fetcher(const ModelName& model, fs::path folder) : model_(model), folder_(std::move(folder)) {}

// Follows redirects from host to host and stops at the first answer that is none. Each host gets what it may
// see.
Answer Fetcher::ask_following(Request request, const Sink& sink, bool to_other_hosts, std::string& address) {
  const std::vector<std::string> extra = request.headers;
  request.plain_http = endpoint_.plain_http();
  for (int hops = 0;; ++hops) {
    request.url = address;
    request.headers = endpoint_.headers_for(address);
    request.headers.insert(request.headers.end(), extra.begin(), extra.end());
    Answer answer = http_.ask(request, sink);
    if (interrupted()) throw Interrupted{};
    if (answer.hopeless)
      fail(
          fmt::format("{} (another hub: HF_ENDPOINT; a proxy: https_proxy)", what_happened(answer, address)));
    if (!is_redirect(answer)) return answer;
    const bool https = answer.redirect.starts_with("https://");
    if (!https && !(endpoint_.plain_http() && answer.redirect.starts_with("http://")))
      fail(fmt::format("pull: {} leads to {}, which is not https", origin_of(address),
                       printable(answer.redirect)));
    if (!to_other_hosts && origin_of(answer.redirect) != origin_of(address)) return answer;
    if (hops == most_redirects)
      fail(fmt::format("pull: {} leads on and on, more than {} times", origin_of(address), most_redirects));
    // The redirect to the file's place carries what the hub says of the file.
    if (!to_other_hosts && !answer.get("x-linked-etag").empty()) return answer;
    address = answer.redirect;
  }
}

bool Fetcher::describe(const std::string& file, uint64_t most_bytes, Patience& patience,
                       Description& description) {
  Request request;
  request.head = true;
  while (true) {
    std::string address = endpoint_.address_of(model_, commit_.empty() ? model_.revision : commit_, file);
    const Answer answer = ask_following(request, {}, false, address);
    if (answer.problem.empty() && (answer.good() || is_redirect(answer))) {
      there_ = true;
      const std::string_view linked = answer.get("x-linked-etag");
      Identity& identity = description.identity;
      identity.hash = plain_etag(linked.empty() ? answer.get("etag") : linked);
      if (!is_sha1(identity.hash) && !is_sha256(identity.hash)) identity.hash.clear();
      identity.size = answer.number("x-linked-size");
      if (!identity.size && answer.good()) identity.size = answer.number("content-length");
      description.address = is_redirect(answer) ? answer.redirect : address;
      const std::string_view commit = answer.get("x-repo-commit");
      if (commit_.empty() && is_sha1(commit)) commit_ = commit;
      if (identity.size && *identity.size > most_bytes)
        fail(fmt::format("pull {}: {} is {} long, more than the {} that are sensible", model_.text(), file,
                         bytes_text(*identity.size), bytes_text(most_bytes)));
      return true;
    }
    if (answer.status == 404 && (there_ || answer.get("x-error-code") == "EntryNotFound")) return false;
    if (!comes_and_goes(answer)) refuse(answer, endpoint_, model_, file);
    patience.wait(what_happened(answer, address), answer.retry_after);
  }
}

// The bytes of one attempt on their way to the file.
struct Fetcher::Arrival {
  PartFile& part;
  Progress& bar;
  uint64_t had, limit;
  std::optional<uint64_t> size;
  uint64_t come = 0;
  bool begun = false, foreign = false, too_long = false;
  std::exception_ptr failure{};

  // Whether the transfer goes on.
  bool take(const Answer& answer, std::span<const std::byte> piece) {
    if (!begun) {
      foreign = answer.status == 206 && (had == 0 || !continues_at(answer, had, size));
      if (foreign) return false;
      if (answer.status != 206) {  // the whole file: there was nothing, or the hub has another one now
        part.begin(validator_of(answer));
        if (had > 0) bar.restart();
      }
      begun = true;
    }
    too_long = piece.size() > limit - part.size();
    if (too_long) return false;
    part.append(piece);
    come += piece.size();
    bar.advance(piece.size());
    return true;
  }
};

// What became of an attempt that was answered. An empty reason: the file is there.
Fetcher::Failure Fetcher::judge(const std::string& file, const std::string& address, const Answer& answer,
                                Arrival& arrival) {
  PartFile& part = arrival.part;
  if (arrival.too_long) {
    part.discard();
    fail(fmt::format("pull {}: {} sends more than the length of {}; nothing of it is kept", model_.text(),
                     origin_of(address), file));
  }
  if (arrival.foreign || answer.status == 416) {
    part.discard();
    return {fmt::format("pull: {} sends another part of {} than the one asked for", origin_of(address), file),
            {}};
  }
  if (!answer.problem.empty() || !answer.good()) return {what_happened(answer, address), answer.retry_after};
  if (!arrival.begun) part.begin("");  // an empty file
  if (arrival.size && part.size() < *arrival.size)
    return {fmt::format("pull: {} ended {} at {} of {}", origin_of(address), file, bytes_text(part.size()),
                        bytes_text(*arrival.size)),
            {}};
  return {};
}

Fetcher::Failure Fetcher::download(const std::string& file, const Description& description,
                                   uint64_t most_bytes, PartFile& part, Patience& patience) {
  const std::optional<uint64_t> size = description.identity.size;
  const uint64_t had = part.size();
  demand_room(folder_, file, size && *size > had ? *size - had : 0);
  Request request;
  if (had > 0) request.headers = {fmt::format("Range: bytes={}-", had), "If-Range: " + part.validator()};
  Progress bar(size.value_or(0), {.name = file, .have = had, .at_least = 0, .lines = true});
  Arrival arrival{part, bar, had, size.value_or(most_bytes), size};
  const Sink sink = [&arrival](const Answer& answer, std::span<const std::byte> piece) {
    try {
      return arrival.take(answer, piece);
    } catch (...) {  // an exception must not pass through libcurl, which calls this
      arrival.failure = std::current_exception();
      return false;
    }
  };
  std::string address = description.address;
  Answer answer;
  try {
    answer = ask_following(request, sink, true, address);
  } catch (const Interrupted&) {
    bar.hide();
    throw;
  }
  bar.hide();
  if (arrival.failure) std::rethrow_exception(arrival.failure);
  if (arrival.come >= worth_a_new_count) patience.progress();
  Failure failure = judge(file, address, answer, arrival);
  if (failure.reason.empty()) bar.finish();
  return failure;
}

bool Fetcher::fetch(const std::string& file, uint64_t most_bytes) {
  Patience patience;
  bool damaged = false;
  while (true) {
    Description description;
    if (!describe(file, most_bytes, patience, description)) return false;
    const Identity& identity = description.identity;
    if (is_identical(folder_ / file, identity)) return true;  // from an earlier run that was cut
    PartFile part(folder_, file, identity);
    const auto blob = hub_cache_blob(model_, identity.hash);
    if (blob && is_identical(*blob, identity)) {
      part.take(*blob);
    } else if (identity.size && *identity.size > 0 && part.size() == *identity.size) {
      // An earlier run ended between the last byte and the check.
    } else if (const Failure failure = download(file, description, most_bytes, part, patience);
               !failure.reason.empty()) {
      patience.wait(failure.reason, failure.retry_after);
      continue;
    }
    if (identity.hash.empty())
      complain(fmt::format("{} names no hash of {}: its length alone was checked", endpoint_.url(), file));
    else if (!part.is_whole()) {
      part.discard();
      if (damaged)
        fail(fmt::format(
            "pull {}: {} arrives damaged again: its bytes do not have the hash {} that the hub names; "
            "nothing of it is kept",
            model_.text(), file, identity.hash));
      complain(fmt::format("pull {}: {} arrived damaged, once more", model_.text(), file));
      damaged = true;
      continue;
    }
    part.publish();
    return true;
  }
}

}  // namespace fovea::apps::hub
