# shellcheck shell=bash
# Packages: what each verb needs, and installing it through apt. Sourced by ./dev.
# shellcheck disable=SC2034  # the lists are used by ./dev

packages_build=(g++ cmake ninja-build pkg-config ccache libvulkan-dev glslang-tools libfmt-dev nlohmann-json3-dev
  libicu-dev libsentencepiece-dev)
packages_program=(libopencv-dev libcli11-dev libgif-dev libssl-dev libboost-dev libcurl4-openssl-dev
  ca-certificates mesa-vulkan-drivers)
packages_draw=(python3 python3-pil)
packages_test=(doctest-dev libstb-dev vulkan-validationlayers python3 python3-pil python3-numpy xvfb xauth xdotool ffmpeg
  python3-selenium chromium chromium-driver openssl)
packages_clang=(clang libclang-rt-dev)
packages_lint=(clang-format clang-tidy)

have_package() {
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    env DEBIAN_FRONTEND=noninteractive "$@"
  elif [ "${CI:-}" = true ]; then
    sudo -n env DEBIAN_FRONTEND=noninteractive "$@"
  else
    sudo env DEBIAN_FRONTEND=noninteractive "$@"
  fi
}

# install_packages WHAT-FOR PACKAGE… : installs those that are missing; quick when none is.
install_packages() {
  local what=$1 name missing=()
  shift
  [ "${FOVEA_INSTALL:-1}" = 0 ] && return
  if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
    printf 'dev: there is no apt here. Install what these Debian packages hold (for: %s):\n' "$what" >&2
    printf '       %s\n' "$*" >&2
    printf '     then run the same command again with FOVEA_INSTALL=0 before it.\n' >&2
    exit 1
  fi
  for name in "$@"; do
    have_package "$name" || missing+=("$name")
  done
  [ ${#missing[@]} -eq 0 ] && return
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || die "no sudo here; as root: apt-get install ${missing[*]}"
    # The password is asked for here, where the terminal still is.
    [ "${CI:-}" = true ] || sudo -v || die "sudo refused; as root: apt-get install ${missing[*]}"
  fi
  mkdir -p build
  if [ -z "${apt_updated:-}" ]; then
    step "Fetching package lists" build/apt-update.log as_root apt-get -o DPkg::Lock::Timeout=300 update -q
    apt_updated=1
  fi
  step "Installing ${#missing[@]} packages for $what" build/apt.log \
    as_root apt-get -o DPkg::Lock::Timeout=300 install -qy --no-install-recommends "${missing[@]}"
}

# The interpreter that sees apt's Python modules.
system_python() {
  if [ -x /usr/bin/python3 ]; then echo /usr/bin/python3; else command -v python3; fi
}

# find_driver NAME: the loader's manifest of one of Mesa's Vulkan drivers.
find_driver() {
  local file
  for file in /usr/share/vulkan/icd.d/"$1"_icd*.json; do
    [ -f "$file" ] && echo "$file" && return
  done
  return 1
}
