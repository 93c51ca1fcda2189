// Vision transformers (Dosovitskiy et al. 2021) and what grew from them: DeiT, DINOv2, CLIP and SigLIP
// towers.
#pragma once

#include "models/registry.h"

namespace fovea {

Family vit_family();

}  // namespace fovea
