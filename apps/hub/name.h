// What people call a model on a hub: `org/name`, one of the short names of the table, with or without
// @revision.
#pragma once

#include <string>
#include <string_view>

namespace fovea::apps::hub {

struct ModelName {
  std::string org, name;
  std::string revision = "main";  // a branch, a tag or a commit

  std::string repository() const { return org + '/' + name; }
  std::string text() const;    // "org/name", "org/name@revision"
  std::string folder() const;  // in the cache: "org--name", "org--name@revision"
};

// `option` begins the message. Takes hf_hub: and hf-hub: before the name as timm does; a name without an org
// is looked up in the table of known models, else it is timm's. Throws Error(usage).
ModelName parse_name(std::string_view text, std::string_view option);

// "org--name@revision" back into a name; false for a folder that is called otherwise.
bool name_of_folder(std::string_view folder, ModelName& name);

}  // namespace fovea::apps::hub
