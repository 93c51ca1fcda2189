// What every subcommand writes: results on stdout, everything else on stderr.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace fovea::apps {

// Thrown when nobody reads stdout any more (`fovea … | head`): the program stops without a word.
struct ReaderGone {};

// Opens /dev/null for standard streams that were closed, so that no file of ours takes their place.
// Ignores SIGPIPE: a closed pipe is seen where we write.
void guard_standard_streams();

// One line (or block) of results. Throws ReaderGone, or Error(file) when stdout cannot take it.
void write_out(std::string_view text);
void flush_out();  // std::cout's text too, which help comes through

// `fovea: MESSAGE` on stderr.
void complain(std::string_view message);

bool stdout_is_terminal();
bool stderr_is_terminal();

// Ctrl-C asks the program to finish what it has begun; a second one ends it at once.
void catch_interrupts();
bool interrupted();

}  // namespace fovea::apps
