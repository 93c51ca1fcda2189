# shellcheck shell=bash
# The tests under other conditions. Sourced by ./dev.

# row NAME CTEST-OPTION… : one run of the tests; the environment comes from the caller.
row() {
  local name=$1 log=build/matrix-${1// /-}.log
  shift
  step "$name" "$log" run_ctest "$build" /dev/null -j "$jobs" "$@"
  grep -E 'tests passed' "$log"
}

# Everything that the validation layer says goes through a pipe: each process opens the log by its name and
# would cut off what others wrote to a plain file.
validation_row() {
  local folder=$root/build/validation reader
  rm -rf "$folder"
  mkdir -p "$folder"
  mkfifo "$folder/pipe"
  cat >"$folder/vk_layer_settings.txt" <<TEXT
khronos_validation.debug_action = VK_DBG_LAYER_ACTION_LOG_MSG
khronos_validation.report_flags = error,warn,perf,info
khronos_validation.log_filename = $folder/pipe
khronos_validation.enables = VK_VALIDATION_FEATURE_ENABLE_SYNCHRONIZATION_VALIDATION_EXT
khronos_validation.validate_sync = true
TEXT
  # A descriptor that both reads and writes keeps the pipe open between the processes.
  exec 9<>"$folder/pipe"
  cat <"$folder/pipe" >"$folder/messages.log" 9>&- &
  reader=$!
  VK_INSTANCE_LAYERS=VK_LAYER_KHRONOS_validation VK_LAYER_SETTINGS_PATH=$folder \
    VK_LAYER_ENABLES=VK_VALIDATION_FEATURE_ENABLE_SYNCHRONIZATION_VALIDATION_EXT \
    row "all under the validation layer" "$@"
  exec 9>&-
  wait "$reader"
  # The layer greets each instance with its settings: without that line it was never there.
  grep -q 'SYNCHRONIZATION_VALIDATION' "$folder/messages.log" ||
    die "the validation layer was not active, or not with synchronisation validation ($folder/messages.log)"
  if grep -E 'Validation (Error|Warning|Performance)|\((ERROR|WARN|PERF)|SYNC-HAZARD' "$folder/messages.log" \
    >"$folder/complaints.log"; then
    head -n 20 "$folder/complaints.log" >&2
    die "the validation layer complained: $folder/messages.log"
  fi
  echo "no message from the validation layer"
}

# A thousand validation pictures take a second each on a minimal device, to dispatch what the embedded model's tests
# do. Real photographs, 10,000 frames and the comparison with numpy take minutes here and dispatch what the others do,
# as do the server, the window and streams, whose tests are about sockets, keys and time. The width of 256 is that of
# ./dev test; 512 is compiled for minutes.
verb_test_matrix() {
  local width lavapipe left_out=(-E validation) widths=(128 256 512)
  case "${1:-}" in
    "") ;;
    --quick)
      left_out=(-E 'validation|soak|photographs|against_numpy|ui_|serve_|package|random_model|pull|convert')
      widths=(128)
      ;;
    *) die "test-matrix knows --quick, not $1" ;;
  esac
  build_tests
  lavapipe=$(find_driver lvp) || die "no lvp_icd*.json in /usr/share/vulkan/icd.d: install mesa-vulkan-drivers"
  for width in "${widths[@]}"; do
    LP_NATIVE_VECTOR_WIDTH=$width VK_ICD_FILENAMES=$lavapipe VK_DRIVER_FILES=$lavapipe \
      row "kernels at vector width $width" -L kernels
  done
  FOVEA_CLAMP=minimal row "all on a minimal device" "${left_out[@]}"
  validation_row "${left_out[@]}"
}
