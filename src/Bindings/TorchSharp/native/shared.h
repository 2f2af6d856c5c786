// What the translation units share: handles and the error text.
#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <atomic>
#include <string>
#include <utility>

#include "torchkv.h"

namespace torchkv {

extern std::atomic<int64_t> live_handles;

// Keeps the message of the exception being handled for tkv_error().
void set_error_from_current_exception() noexcept;

inline c10::TensorImpl* impl_of(int64_t handle) {
  return reinterpret_cast<c10::TensorImpl*>(handle);
}

inline int64_t new_handle(at::Tensor&& tensor) {
  if (!tensor.defined()) return 0;
  live_handles.fetch_add(1, std::memory_order_relaxed);
  return reinterpret_cast<int64_t>(tensor.unsafeReleaseTensorImpl());
}

// A second reference to a handle's tensor.
inline at::Tensor share(int64_t handle) {
  if (handle == 0) return at::Tensor();
  return at::Tensor(c10::intrusive_ptr<c10::TensorImpl, c10::UndefinedTensorImpl>::reclaim_copy(impl_of(handle)));
}

inline at::Generator share_generator(int64_t handle) {
  if (handle == 0) return at::Generator();
  return at::Generator(c10::intrusive_ptr<c10::GeneratorImpl>::reclaim_copy(reinterpret_cast<c10::GeneratorImpl*>(handle)));
}

// Runs a body that may throw; on a throw keeps its text and returns the fallback.
template <class Body, class Result>
inline Result guarded(Result on_error, Body&& body) noexcept {
  try {
    return body();
  } catch (...) {
    set_error_from_current_exception();
    return on_error;
  }
}

}  // namespace torchkv
