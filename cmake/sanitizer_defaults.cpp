// Linked into every program of a build with TB_SANITIZE: what the sanitizers' runtimes are told
// unless ASAN_OPTIONS, UBSAN_OPTIONS, TSAN_OPTIONS or LSAN_OPTIONS say otherwise. In the programs,
// not in the environment: tests start nodes, probes and plugins' processes with environments of
// their own.
//
// The lists at the end name findings in code that is not ours, each with its reason. A finding in
// ours is fixed.

extern "C" {

const char* __asan_default_options();
const char* __ubsan_default_options();
const char* __tsan_default_options();
const char* __lsan_default_suppressions();
const char* __tsan_default_suppressions();

// A crash stays a crash: whoever started the process is to see the signal, as without a sanitizer.
// Threads that want a stack for signals have one of their own, which a runtime would unmap as if it
// were its own. The crash runs preload a library of faults, which comes before the runtime.
const char* __asan_default_options() {
  return "handle_segv=0:handle_sigbus=0:handle_sigfpe=0:handle_sigill=0:use_sigaltstack=0:"
         "verify_asan_link_order=0:strict_string_checks=1:"
         "detect_stack_use_after_return=1:check_initialization_order=1";
}

// Undefined behaviour ends the process like any other finding; by default it is only printed.
const char* __ubsan_default_options() { return "halt_on_error=1:print_stacktrace=1"; }

// The first race ends the process: a test then fails where it happened.
const char* __tsan_default_options() {
  return "halt_on_error=1:second_deadlock_stack=1:handle_segv=0:handle_sigbus=0:handle_sigfpe=0:"
         "handle_sigill=0:use_sigaltstack=0";
}

const char* __lsan_default_suppressions() { return ""; }

const char* __tsan_default_suppressions() { return ""; }

}  // extern "C"
