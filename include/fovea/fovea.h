// Everything a program that embeds Fovea needs.
#pragma once

#include "fovea/bench.h"
#include "fovea/device.h"
#include "fovea/embedded.h"
#include "fovea/error.h"
#include "fovea/generate.h"
#include "fovea/image.h"
#include "fovea/live.h"
#include "fovea/maps.h"
#include "fovea/model.h"
#include "fovea/preprocessing.h"
#include "fovea/run.h"
#include "fovea/session.h"
#include "fovea/tokenizer.h"
