#include "apps/evaluate/report.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "apps/evaluate/metrics.h"

namespace fovea::apps {
namespace {

const MethodScores& centre_of(const Evaluation& e) {
  return e.methods.back();
}

const char* kind_of(const MethodScores& m) {
  return m.baseline ? "baseline" : m.class_specific ? "class-specific" : "class-agnostic";
}

// + better than the centre prior, - worse, a space where the pictures do not tell.
char mark_of(const Evaluation& e, const MethodScores& m, const Metric& metric) {
  if (&m == &centre_of(e)) return ' ';
  const Estimate off = difference_of(m.*metric.values, centre_of(e).*metric.values);
  if (!(std::abs(off.mean) > 2 * off.error)) return ' ';
  return (off.mean > 0) == metric.higher_is_better ? '+' : '-';
}

}  // namespace

std::string table_of(const Evaluation& e) {
  std::string out = fmt::format("{}, {} pictures, {}, {} grids of four, {} steps\n", e.architecture, e.images,
                                e.labelled ? "their own classes" : "classes as predicted", e.grids, e.steps);
  out += fmt::format("{:<12}{:<16}", "method", "");
  for (const Metric& metric : metrics)
    out += fmt::format("{:>12} ", fmt::format("{} {}", metric.name, metric.higher_is_better ? "↑" : "↓"));
  out += '\n';
  for (const MethodScores& m : e.methods) {
    out += fmt::format("{:<12}{:<16}", m.name, kind_of(m));
    for (const Metric& metric : metrics) {
      const auto& values = m.*metric.values;
      out += values.empty() ? fmt::format("{:>12} ", "")
                            : fmt::format("{:>12.4f}{}", estimate_of(values).mean, mark_of(e, m, metric));
    }
    while (out.back() == ' ') out.pop_back();
    out += '\n';
  }
  out += "↓ lower is better, ↑ higher; + better and - worse than the centre prior by two standard errors\n";
  return out;
}

std::string csv_of(const Evaluation& e) {
  std::string out = "method,kind,pictures,quarters";
  for (const Metric& metric : metrics)
    out += fmt::format(",{0},{0}_error,{0}_over_centre,{0}_over_centre_error", metric.name);
  out += '\n';
  for (const MethodScores& m : e.methods) {
    out += fmt::format("{},{},{},{}", m.name, kind_of(m), m.deletion.size(), m.pointing.size());
    for (const Metric& metric : metrics) {
      const Estimate own = estimate_of(m.*metric.values),
                     off = difference_of(m.*metric.values, centre_of(e).*metric.values);
      out += (m.*metric.values).empty()
                 ? ",,,,"
                 : fmt::format(",{:.6f},{:.6f},{:.6f},{:.6f}", own.mean, own.error, off.mean, off.error);
    }
    out += '\n';
  }
  return out;
}

Json json_of(const Evaluation& e) {
  Json out;
  out["model"] = e.architecture;
  out["pictures"] = e.images;
  out["failed"] = e.failed;
  out["grids"] = e.grids;
  out["steps"] = e.steps;
  out["classes"] = e.labelled ? "labels" : "predicted";
  out["interrupted"] = e.interrupted;
  for (const MethodScores& m : e.methods) {
    Json method;
    method["method"] = m.name;
    method["kind"] = kind_of(m);
    for (const Metric& metric : metrics) {
      if ((m.*metric.values).empty()) continue;
      const Estimate own = estimate_of(m.*metric.values),
                     off = difference_of(m.*metric.values, centre_of(e).*metric.values);
      Json entry = {{"mean", own.mean},
                    {"error", own.error},
                    {"over_centre", off.mean},
                    {"over_centre_error", off.error}};
      if (metric.curve != nullptr)
        for (const double sum : m.*metric.curve)
          entry["curve"].push_back(sum / static_cast<double>(e.images));
      method[metric.name] = std::move(entry);
    }
    out["methods"].push_back(std::move(method));
  }
  return out;
}

}  // namespace fovea::apps
