#include "apps/opencv/modules.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include "fovea/error.h"

namespace fovea::apps::opencv {
namespace {

// Stays loaded to the end of the program. It lies where the program's run path says.
template <class Table>
const Table& load(const char* name) {
  const std::string file = fmt::format("libfovea_{}.so", name);
  void* library = dlopen(file.c_str(), RTLD_LAZY | RTLD_LOCAL);
  void* symbol = library == nullptr ? nullptr : dlsym(library, module_symbol);
  if (symbol == nullptr)
    throw Error(ErrorKind::file, fmt::format("cannot load {}, a part of this program: {}", file, dlerror()));
  return *static_cast<const Table*>(reinterpret_cast<const void* (*)()>(symbol)());
}

}  // namespace

const Codecs& codecs() {
  static const Codecs& table = load<Codecs>("codecs");
  return table;
}

const Video& video() {
  static const Video& table = load<Video>("video");
  return table;
}

const Windows& windows() {
  static const Windows& table = load<Windows>("windows");
  return table;
}

}  // namespace fovea::apps::opencv
