// Moving pictures in a window.
#pragma once

#include <string>

#include "apps/hub/model_choice.h"
#include "apps/ui/view.h"
#include "apps/util/video_source.h"

namespace fovea::apps {

// Whether a window can be opened here.
bool has_display();
// has_display() tries this in a child process, because the GUI library aborts where no display answers.
void open_and_close_window();

// Until somebody closes it. Returns the exit code.
int show_in_window(const Model& model, const ModelChoice& choice, const View& view, const std::string& source,
                   SourceKind kind);

}  // namespace fovea::apps
