# shellcheck shell=bash
# Format and static checks. Sourced by ./dev.

cpp_files() { git ls-files -co --exclude-standard --deduplicate -- '*.cpp' '*.h'; }

# The commit that changes are counted from; nothing when there is none, which means all files.
lint_base() {
  local base
  if [ -n "${LINT_BASE:-}" ]; then
    git rev-parse --verify --quiet "$LINT_BASE^{commit}" || die "LINT_BASE=$LINT_BASE is no commit"
    return
  fi
  base=$(git merge-base HEAD origin/main 2>/dev/null || true)
  if [ -z "$base" ] || [ "$base" = "$(git rev-parse HEAD)" ]; then
    base=$(git rev-parse --verify --quiet HEAD~1 || true)
  fi
  echo "$base"
}

# Shader headers are GLSL too and are checked through the C++ files that include them.
changed_files() {
  local base=$1
  {
    if [ -n "$base" ]; then
      git diff --name-only --diff-filter=d "$base" -- '*.cpp' '*.h'
      git ls-files --others --exclude-standard -- '*.cpp' '*.h'
    else
      cpp_files | grep '\.cpp$'  # these include every header
    fi
  } | grep -vE '^(shaders|examples|fuzz)/' | sort -u || true
}

verb_format() {
  install_packages formatting "${packages_lint[@]}"
  cpp_files | xargs -r clang-format -i
  echo "Formatted $(cpp_files | wc -l) files."
}

verb_lint() {
  install_packages tests "${packages_build[@]}" "${packages_program[@]}" "${packages_test[@]}"
  install_packages linting "${packages_lint[@]}"
  local base files
  case "${1:-}" in
    "") base=$(lint_base) ;;
    --all) base= ;;
    *) die "lint knows --all, not $1" ;;
  esac
  files=$(changed_files "$base")
  mkdir -p build
  cpp_files >build/lint-files.txt
  step "clang-format on $(wc -l <build/lint-files.txt) files" build/clang-format.log \
    xargs -r -a build/lint-files.txt clang-format --dry-run --Werror
  if [ -z "$files" ]; then
    echo "clang-tidy: no C++ file changed since ${base:0:12}"
    return
  fi
  # clang-tidy cannot read headers that GCC precompiled.
  configure build-lint -DFOVEA_APPS=ON -DFOVEA_TESTS=ON -DFOVEA_PRECOMPILED=OFF
  echo "$files" >build/lint-files.txt
  step "clang-tidy on $(wc -l <build/lint-files.txt) files" build/clang-tidy.log \
    xargs -r -a build/lint-files.txt -P "$jobs" -n 1 clang-tidy -p build-lint --quiet
}
