"""quoit.h and quoit_llm.h in ctypes: structures, constants and prototypes, under the names of C.

tests/header_test.py compiles the headers and compares each size, offset and constant, so what
stands here cannot drift from them. Strings that go in are c_char_p, which keeps the bytes alive
with the structure; bytes that come out are c_void_p, which no NUL cuts short.
"""

import ctypes
from ctypes import (
    POINTER,
    Structure,
    c_bool,
    c_char_p,
    c_double,
    c_float,
    c_int,
    c_size_t,
    c_uint32,
    c_uint64,
    c_void_p,
)

# enum quoit_error, as far as this package tells one from another
QUOIT_OK = 0
QUOIT_E_NO_SLOT = 2
QUOIT_E_ARGUMENT = 3
QUOIT_E_URL = 4
QUOIT_E_THREAD = 9
QUOIT_E_FORKED = 10
QUOIT_E_STALE = 11
QUOIT_E_TIMEOUT_CONNECT = 27
QUOIT_E_TIMEOUT_DEADLINE = 33
QUOIT_E_CANCELLED = 34
QUOIT_E_NO_DESCRIPTOR = 35
QUOIT_E_STREAM = 38

QUOIT_NEVER = 2**64 - 1
QUOIT_NONE = 2**32 - 1

# enum quoit_io
QUOIT_IO_AUTO = 0
QUOIT_IO_URING = 1
QUOIT_IO_EPOLL = 2

# enum quoit_stream
QUOIT_WHOLE = 0
QUOIT_SSE = 2

# enum quoit_replay
QUOIT_REPLAY_METHOD = 0
QUOIT_REPLAY_YES = 1
QUOIT_REPLAY_NO = 2

# enum quoit_event_kind
QUOIT_HEAD = 0
QUOIT_MESSAGE = 2
QUOIT_END = 3

# enum quoit_llm_endpoint
QUOIT_LLM_CHAT = 0

SIZE_MAX = ctypes.c_size_t(-1).value


class quoit_span(Structure):
    """Bytes that come out."""

    _fields_ = [("bytes", c_void_p), ("size", c_size_t)]


class quoit_span_in(Structure):
    """The same struct quoit_span, for bytes that go in."""

    _fields_ = [("bytes", c_char_p), ("size", c_size_t)]


class quoit_header(Structure):
    _fields_ = [("name", c_char_p), ("value", c_char_p)]


class quoit_timeouts(Structure):
    _fields_ = [
        ("connect_ns", c_uint64),
        ("tls_ns", c_uint64),
        ("write_ns", c_uint64),
        ("first_byte_ns", c_uint64),
        ("idle_ns", c_uint64),
        ("attempt_ns", c_uint64),
        ("deadline_ns", c_uint64),
    ]


class quoit_tls_options(Structure):
    _fields_ = [
        ("ca_file", c_char_p),
        ("ca_path", c_char_p),
        ("cert_file", c_char_p),
        ("key_file", c_char_p),
        ("server_name", c_char_p),
        ("insecure", c_bool),
        ("x509_strict", c_bool),
        ("reserved", c_uint64 * 4),
    ]


class quoit_options(Structure):
    _fields_ = [
        ("requests_max", c_uint32),
        ("in_flight_max", c_uint32),
        ("in_flight_per_origin_max", c_uint32),
        ("headers_max", c_uint32),
        ("head_size_max", c_uint32),
        ("retry_budget_percent", c_uint32),
        ("body_size_max", c_uint64),
        ("stream_buffer_max", c_uint64),
        ("sse_line_max", c_uint64),
        ("sse_event_max", c_uint64),
        ("pool_idle_ns", c_uint64),
        ("spin_max_ns", c_uint64),
        ("outage_wait_ns", c_uint64),
        ("timeouts", quoit_timeouts),
        ("tls", c_void_p),
        ("io", c_uint32),
        ("no_outages", c_bool),
        ("reserved", c_uint64 * 7),
    ]


class quoit_request(Structure):
    _fields_ = [
        ("method", c_char_p),
        ("url", c_char_p),
        ("unix_path", c_char_p),
        ("proxy_url", c_char_p),
        ("tls", c_void_p),
        ("headers", POINTER(quoit_header)),
        ("body", quoit_span_in),
        ("context", c_void_p),
        ("start_ns", c_uint64),
        ("body_size_max", c_uint64),
        ("timeouts", quoit_timeouts),
        ("limit", c_void_p),
        ("headers_count", c_uint32),
        ("retries", c_uint32),
        ("limit_tokens", c_uint32),
        ("stream", c_uint32),
        ("replay", c_uint32),
        ("judge", c_bool),
        ("stream_size_max", c_uint64),
        ("reserved", c_uint64 * 7),
    ]


class quoit_times(Structure):
    _fields_ = [
        ("submitted_ns", c_uint64),
        ("granted_ns", c_uint64),
        ("resolved_ns", c_uint64),
        ("connected_ns", c_uint64),
        ("secured_ns", c_uint64),
        ("sent_ns", c_uint64),
        ("written_ns", c_uint64),
        ("first_byte_ns", c_uint64),
        ("end_ns", c_uint64),
    ]


class quoit_result(Structure):
    _fields_ = [
        ("error", c_uint32),
        ("os_error", c_int),
        ("detail", c_char_p),
        ("status", c_uint32),
        ("attempts", c_uint32),
        ("retries", c_uint32),
        ("headers_count", c_uint32),
        ("headers", POINTER(quoit_header)),
        ("body", quoit_span),
        ("times", quoit_times),
        ("bytes_out", c_uint64),
        ("bytes_in", c_uint64),
        ("reused", c_bool),
        ("maybe_billed", c_bool),
        ("outage", c_bool),
    ]


class quoit_event(Structure):
    _fields_ = [
        ("kind", c_uint32),
        ("id", c_uint64),
        ("at_ns", c_uint64),
        ("context", c_void_p),
        ("bytes", quoit_span),
        ("name", quoit_span),
        ("result", POINTER(quoit_result)),
    ]


class quoit_stats(Structure):
    _fields_ = [
        ("queued", c_uint64),
        ("waiting", c_uint64),
        ("in_flight", c_uint64),
        ("done", c_uint64),
        ("submitted", c_uint64),
        ("succeeded", c_uint64),
        ("failed", c_uint64),
        ("cancelled", c_uint64),
        ("retries", c_uint64),
        ("resent", c_uint64),
        ("opened", c_uint64),
        ("reused", c_uint64),
        ("sqes", c_uint64),
        ("cqes", c_uint64),
        ("entries", c_uint64),
        ("spin_ns", c_uint64),
        ("no_buffers", c_uint64),
        ("cq_overflows", c_uint64),
        ("bytes_in", c_uint64),
        ("bytes_out", c_uint64),
        ("paced", c_uint64),
        ("outages", c_uint64),
        ("io", c_uint32),
        ("io_refusal", c_int),
        ("posted", c_uint64),
        ("post_wakes", c_uint64),
        ("reserved", c_uint64 * 7),
    ]


class quoit_llm_message(Structure):
    _fields_ = [
        ("role", c_char_p),
        ("content", c_char_p),
        ("members", c_char_p),
        ("reserved", c_uint64 * 2),
    ]


class quoit_llm_prompt(Structure):
    _fields_ = [
        ("text", c_char_p),
        ("messages", POINTER(quoit_llm_message)),
        ("messages_count", c_size_t),
        ("reserved", c_uint64 * 2),
    ]


class quoit_llm_parameters(Structure):
    _fields_ = [
        ("endpoint", c_uint32),
        ("model", c_char_p),
        ("system", c_char_p),
        ("stop", c_char_p),
        ("members", c_char_p),
        ("max_tokens", c_uint64),
        ("max_completion_tokens", c_uint64),
        ("seed", c_uint64),
        ("temperature", c_double),
        ("top_p", c_double),
        ("stream", c_bool),
        ("reserved", c_uint64 * 4),
    ]


class quoit_llm_options(Structure):
    _fields_ = [
        ("parameters", quoit_llm_parameters),
        ("base_url", c_char_p),
        ("path", c_char_p),
        ("api_key", c_char_p),
        ("engine", c_void_p),
        ("in_flight_max", c_uint32),
        ("batch_size", c_uint32),
        ("keep_bodies", c_bool),
        ("request", quoit_request),
        ("reserved", c_uint64 * 8),
    ]


class quoit_llm_answer(Structure):
    _fields_ = [
        ("good", c_bool),
        ("error", c_uint32),
        ("status", c_uint32),
        ("attempts", c_uint32),
        ("detail", c_char_p),
        ("code", c_char_p),
        ("content", quoit_span),
        ("finish_reason", c_char_p),
        ("embedding", POINTER(c_float)),
        ("embedding_count", c_size_t),
        ("tokens_in", c_uint64),
        ("tokens_out", c_uint64),
        ("latency_ns", c_uint64),
        ("body", quoit_span),
        ("reserved", c_uint64 * 4),
    ]


Prototypes = dict[str, tuple[object, list[object]]]

# What each function gives and takes. An engine, an identity, a batch is a c_void_p.
PROTOTYPES: Prototypes = {
    "quoit_create": (c_uint32, [POINTER(quoit_options), POINTER(c_void_p)]),
    "quoit_destroy": (None, [c_void_p]),
    "quoit_tls_create": (c_uint32, [POINTER(quoit_tls_options), POINTER(c_void_p)]),
    "quoit_tls_destroy": (None, [c_void_p]),
    "quoit_fd": (c_int, [c_void_p]),
    "quoit_submit": (c_uint32, [c_void_p, POINTER(quoit_request), POINTER(c_uint64)]),
    "quoit_turn": (c_uint32, [c_void_p, c_uint64]),
    "quoit_next": (c_uint32, [c_void_p, POINTER(quoit_event), c_uint32]),
    "quoit_cancel": (c_uint32, [c_void_p, c_uint64]),
    "quoit_cancel_all": (None, [c_void_p]),
    "quoit_pause": (c_uint32, [c_void_p, c_uint64, c_bool]),
    "quoit_stats_read": (None, [c_void_p, POINTER(quoit_stats)]),
    "quoit_error_name": (c_char_p, [c_uint32]),
    "quoit_error_code": (c_char_p, [c_uint32]),
    "quoit_error_message": (c_char_p, [c_uint32]),
    "quoit_error_is_transient": (c_bool, [c_uint32]),
    "quoit_version": (c_char_p, []),
    "quoit_build_info": (c_char_p, []),
}

LLM_PROTOTYPES: Prototypes = {
    "quoit_llm_batch_create": (
        c_uint32,
        [POINTER(quoit_llm_options), POINTER(quoit_llm_prompt), c_size_t, POINTER(c_void_p)],
    ),
    "quoit_llm_batch_next": (c_size_t, [c_void_p, c_uint64]),
    "quoit_llm_batch_answer": (POINTER(quoit_llm_answer), [c_void_p, c_size_t]),
    "quoit_llm_batch_cancel": (None, [c_void_p]),
    "quoit_llm_batch_destroy": (None, [c_void_p]),
}
