# shellcheck shell=bash
# Comparing with timm, in a Debian 13 root that has torch. Sourced by ./dev.

packages_timm=(python3-torch python3-torchvision python3-safetensors python3-numpy python3-yaml python3-pil)

timm_root() { echo "${FOVEA_TIMM_ROOT:-${XDG_CACHE_HOME:-$HOME/.cache}/fovea/trixie}"; }

in_root() {
  as_root chroot "$(timm_root)" "$@"
}

# Has the root everything, so that nothing is fetched?
have_timm_root() {
  [ -e "$(timm_root)/.fovea-complete" ] && [ -f "$(timm_root)/opt/timm/timm/version.py" ]
}

make_timm_root() {
  local root
  root=$(timm_root)
  if [ ! -e "$root/.fovea-complete" ]; then
    install_packages "a Debian 13 root" debootstrap
    mkdir -p "$root" build
    step "Making a Debian 13 root" build/trixie.log as_root debootstrap --variant=minbase trixie "$root"
    step "Installing torch in it" build/trixie-torch.log \
      in_root apt-get install -qy --no-install-recommends "${packages_timm[@]}"
    in_root apt-get clean
    as_root touch "$root/.fovea-complete"
  fi
  as_root mkdir -p "$root/opt/timm"
  if [ -n "${FOVEA_TIMM:-}" ]; then
    [ -f "$FOVEA_TIMM/timm/version.py" ] || die "FOVEA_TIMM=$FOVEA_TIMM holds no package timm"
    [ "$FOVEA_TIMM" -ef "$root/opt/timm" ] && return
    as_root rm -rf "$root/opt/timm/timm"
    as_root cp -r "$FOVEA_TIMM/timm" "$root/opt/timm/timm"
    return
  fi
  have_timm_root && return
  # Debian has no package of timm.
  step "Installing pip in it" build/trixie-pip.log in_root apt-get install -qy --no-install-recommends python3-pip
  step "Installing timm in it" build/trixie-timm.log in_root pip install --no-deps --target /opt/timm timm
}

# --if-ready first: not at all where the root is not there yet, as making one fetches a gigabyte.
verb_against_timm() {
  if [ "${1:-}" = --if-ready ]; then
    shift
    # shellcheck disable=SC2154  # shared is set by ./dev
    if [ ! -d "$shared" ] || ! have_timm_root; then
      echo "Not compared with timm: $shared is absent, or $(timm_root) has no torch and timm (./dev against-timm makes it)."
      return
    fi
  fi
  build_program
  install_packages "reading tensors" python3 python3-numpy
  make_timm_root
  # shellcheck disable=SC2154  # build is set by ./dev
  "$(system_python)" tools/against_timm --root "$(timm_root)" --program "$build/apps/fovea" "$@"
}
