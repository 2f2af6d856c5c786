// The state around tensors: errors, autograd modes, seeds and generators, threads, devices.
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>
#include <c10/core/InferenceMode.h>
#include <c10/util/Exception.h>
#include <torch/cuda.h>
#include <torch/version.h>

#include <cstdlib>
#include <mutex>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include "shared.h"

using namespace torchkv;

namespace {

thread_local std::string last_error;

#if defined(__GLIBC__)
// libtorch's CPU memory is malloc's. By default glibc gives freed memory back to the system as soon as some megabytes of it lie
// at the heap's end, and takes it again page by page, zeroed; a scope that frees a layer's tensors at once makes that happen in
// every layer, which costs several times what an elementwise operation does. So up to 128 MiB are kept. MALLOC_* in the
// environment has the last word.
[[maybe_unused]] const bool keeps_freed_memory = [] {
  if (std::getenv("MALLOC_TRIM_THRESHOLD_") != nullptr || std::getenv("MALLOC_MMAP_THRESHOLD_") != nullptr) return false;
  return mallopt(M_MMAP_THRESHOLD, 32 << 20) == 1 && mallopt(M_TRIM_THRESHOLD, 128 << 20) == 1;
}();
#endif

at::Generator default_generator(c10::Device device) { return at::globalContext().defaultGenerator(device); }

c10::Device device_of(int64_t bits) {
  return c10::Device(static_cast<c10::DeviceType>(bits & 0xff), static_cast<c10::DeviceIndex>(bits >> 8));
}

int64_t new_generator_handle(at::Generator generator) {
  return reinterpret_cast<int64_t>(generator.unsafeReleaseGeneratorImpl());
}

template <class Body, class Result>
Result with_generator(int64_t handle, Result on_error, Body&& body) {
  return guarded(on_error, [&] {
    at::Generator generator = share_generator(handle);
    const std::lock_guard<std::mutex> lock(generator.mutex());
    return body(generator);
  });
}

}  // namespace

namespace torchkv {

std::atomic<int64_t> live_handles{0};

void set_error_from_current_exception() noexcept {
  try {
    throw;
  } catch (const c10::Error& error) {
    last_error = error.what_without_backtrace();
  } catch (const std::exception& error) {
    last_error = error.what();
  } catch (...) {
    last_error = "unknown native error";
  }
}

}  // namespace torchkv

// This thread's last error; null where there was none since it was last asked for.
TKV_API const char* tkv_error() {
  static thread_local std::string reported;
  if (last_error.empty()) return nullptr;
  reported = std::move(last_error);
  last_error.clear();
  return reported.c_str();
}

TKV_API const char* tkv_libtorch_version() { return TORCH_VERSION; }

// Bumped when the functions or Value change, so that a stale library is recognised.
TKV_API int32_t tkv_abi() { return 3; }

TKV_API int32_t tkv_grad_enabled() { return c10::GradMode::is_enabled() ? 1 : 0; }

TKV_API void tkv_set_grad_enabled(int32_t enabled) { c10::GradMode::set_enabled(enabled != 0); }

TKV_API int32_t tkv_inference_enabled() { return c10::InferenceMode::is_enabled() ? 1 : 0; }

// Inference mode is a guard: it must be left on the thread that entered it, innermost first.
TKV_API void* tkv_enter_inference(int32_t enabled) {
  return guarded(static_cast<void*>(nullptr), [&]() -> void* { return new c10::InferenceMode(enabled != 0); });
}

TKV_API void tkv_leave_inference(void* guard) { delete static_cast<c10::InferenceMode*>(guard); }

TKV_API int32_t tkv_manual_seed(int64_t seed) {
  return guarded(-1, [&] {
    at::manual_seed(static_cast<uint64_t>(seed));
    return 0;
  });
}

TKV_API int64_t tkv_generator_default(int64_t device) {
  return guarded(int64_t{0}, [&] { return new_generator_handle(default_generator(device_of(device))); });
}

TKV_API int64_t tkv_generator_new(int64_t device, int64_t seed) {
  return guarded(int64_t{0}, [&] {
    const c10::Device where = device_of(device);
    // Only the CPU's generator has a constructor in both versions' public headers; another device's is a clone of its default.
    at::Generator generator = where.is_cpu() ? at::detail::createCPUGenerator() : default_generator(where).clone();
    generator.set_current_seed(static_cast<uint64_t>(seed));
    return new_generator_handle(std::move(generator));
  });
}

TKV_API void tkv_generator_release(int64_t handle) {
  if (handle != 0) c10::intrusive_ptr<c10::GeneratorImpl>::reclaim(reinterpret_cast<c10::GeneratorImpl*>(handle)).reset();
}

TKV_API int32_t tkv_generator_set_seed(int64_t handle, int64_t seed) {
  return with_generator(handle, -1, [&](at::Generator& generator) {
    generator.set_current_seed(static_cast<uint64_t>(seed));
    return 0;
  });
}

// A fresh seed from the system.
TKV_API int64_t tkv_generator_seed(int64_t handle) {
  return with_generator(handle, int64_t{0}, [](at::Generator& generator) { return static_cast<int64_t>(generator.seed()); });
}

TKV_API int64_t tkv_generator_current_seed(int64_t handle) {
  return with_generator(handle, int64_t{0}, [](at::Generator& generator) { return static_cast<int64_t>(generator.current_seed()); });
}

TKV_API int64_t tkv_generator_device(int64_t handle) {
  return guarded(int64_t{0}, [&] {
    const auto device = share_generator(handle).device();
    return static_cast<int64_t>(static_cast<uint8_t>(device.type())) | (static_cast<int64_t>(device.index()) << 8);
  });
}

TKV_API int64_t tkv_generator_state(int64_t handle) {
  return with_generator(handle, int64_t{0}, [](at::Generator& generator) { return new_handle(generator.get_state()); });
}

TKV_API int32_t tkv_generator_set_state(int64_t handle, int64_t state) {
  return with_generator(handle, -1, [&](at::Generator& generator) {
    generator.set_state(share(state));
    return 0;
  });
}

TKV_API int32_t tkv_num_threads() { return at::get_num_threads(); }

TKV_API int32_t tkv_set_num_threads(int32_t count) {
  return guarded(-1, [&] {
    at::set_num_threads(count);
    return 0;
  });
}

TKV_API int32_t tkv_num_interop_threads() { return at::get_num_interop_threads(); }

TKV_API int32_t tkv_set_num_interop_threads(int32_t count) {
  return guarded(-1, [&] {
    at::set_num_interop_threads(count);
    return 0;
  });
}

TKV_API int32_t tkv_cuda_is_available() {
  return guarded(0, [] { return torch::cuda::is_available() ? 1 : 0; });
}

TKV_API int32_t tkv_cuda_cudnn_is_available() {
  return guarded(0, [] { return torch::cuda::cudnn_is_available() ? 1 : 0; });
}

TKV_API int32_t tkv_cuda_device_count() {
  return guarded(0, [] { return static_cast<int32_t>(torch::cuda::device_count()); });
}

TKV_API int32_t tkv_cuda_synchronize(int64_t index) {
  return guarded(-1, [&] {
    torch::cuda::synchronize(index);
    return 0;
  });
}

TKV_API int32_t tkv_cuda_manual_seed(int64_t seed, int32_t all) {
  return guarded(-1, [&] {
    if (all != 0)
      torch::cuda::manual_seed_all(static_cast<uint64_t>(seed));
    else
      torch::cuda::manual_seed(static_cast<uint64_t>(seed));
    return 0;
  });
}
