// Tensor handles and what can be read from them without a dispatch.
#include <ATen/ops/from_blob.h>

#include <cstring>

#include "shared.h"

using namespace torchkv;

namespace {

// Looks at a handle's tensor without touching its reference count.
class Borrow {
 public:
  explicit Borrow(int64_t handle)
      : tensor_(c10::intrusive_ptr<c10::TensorImpl, c10::UndefinedTensorImpl>::reclaim(impl_of(handle))) {}
  ~Borrow() { (void)tensor_.unsafeReleaseTensorImpl(); }
  Borrow(const Borrow&) = delete;
  Borrow& operator=(const Borrow&) = delete;
  at::Tensor* operator->() { return &tensor_; }

 private:
  at::Tensor tensor_;
};

}  // namespace

TKV_API void tkv_tensor_release(int64_t handle) {
  if (handle == 0) return;
  c10::intrusive_ptr<c10::TensorImpl, c10::UndefinedTensorImpl>::reclaim(impl_of(handle)).reset();
  live_handles.fetch_sub(1, std::memory_order_relaxed);
}

// Another handle to the same tensor (same version counter, same autograd history).
TKV_API int64_t tkv_tensor_share(int64_t handle) { return new_handle(share(handle)); }

TKV_API int32_t tkv_tensor_dim(int64_t handle) { return static_cast<int32_t>(impl_of(handle)->dim()); }

TKV_API int64_t tkv_tensor_size(int64_t handle, int32_t dim) { return impl_of(handle)->sizes()[dim]; }

TKV_API int64_t tkv_tensor_stride(int64_t handle, int32_t dim) { return impl_of(handle)->strides()[dim]; }

TKV_API int64_t tkv_tensor_numel(int64_t handle) { return impl_of(handle)->numel(); }

TKV_API int64_t tkv_tensor_storage_offset(int64_t handle) { return impl_of(handle)->storage_offset(); }

TKV_API int32_t tkv_tensor_dtype(int64_t handle) {
  return static_cast<int32_t>(c10::typeMetaToScalarType(impl_of(handle)->dtype()));
}

TKV_API int64_t tkv_tensor_element_size(int64_t handle) { return static_cast<int64_t>(impl_of(handle)->itemsize()); }

// Device type | index << 8, as in kDevice.
TKV_API int64_t tkv_tensor_device(int64_t handle) {
  const auto device = impl_of(handle)->device();
  return static_cast<int64_t>(static_cast<uint8_t>(device.type())) | (static_cast<int64_t>(device.index()) << 8);
}

TKV_API int32_t tkv_tensor_layout(int64_t handle) { return static_cast<int32_t>(impl_of(handle)->layout()); }

TKV_API int32_t tkv_tensor_is_contiguous(int64_t handle) { return impl_of(handle)->is_contiguous() ? 1 : 0; }

TKV_API int32_t tkv_tensor_is_inference(int64_t handle) { return impl_of(handle)->is_inference() ? 1 : 0; }

// The first element's address, storage offset included; null with an error where the tensor has no storage,
// and without one where it is empty or on the meta device.
TKV_API void* tkv_tensor_data(int64_t handle) {
  return guarded(static_cast<void*>(nullptr), [&]() -> void* {
    Borrow tensor(handle);
    return tensor->numel() == 0 || tensor->is_meta() ? nullptr : tensor->data_ptr();
  });
}

// Bytes that go when this tensor goes: 0 for a view, whose storage others hold too.
TKV_API int64_t tkv_tensor_owned_bytes(int64_t handle) {
  const auto* impl = impl_of(handle);
  if (!impl->has_storage() || impl->device().is_meta() || impl->storage().use_count() != 1) return 0;
  return static_cast<int64_t>(impl->storage().nbytes());
}

// A tensor over foreign memory; `release(context)` runs when the last reference to its storage goes.
TKV_API int64_t tkv_tensor_from_memory(void* data, const int64_t* sizes, int32_t dims, int32_t dtype, void (*release)(void*), void* context) {
  return guarded(int64_t{0}, [&] {
    return new_handle(at::from_blob(
        data, at::IntArrayRef(sizes, dims), [release, context](void*) { release(context); },
        at::TensorOptions(static_cast<c10::ScalarType>(dtype))));
  });
}

TKV_API int32_t tkv_tensor_requires_grad(int64_t handle) {
  return guarded(-1, [&] {
    Borrow tensor(handle);
    return tensor->requires_grad() ? 1 : 0;
  });
}

TKV_API int32_t tkv_tensor_set_requires_grad(int64_t handle, int32_t value) {
  return guarded(-1, [&] {
    Borrow tensor(handle);
    tensor->set_requires_grad(value != 0);
    return 0;
  });
}

TKV_API int32_t tkv_tensor_is_leaf(int64_t handle) {
  return guarded(-1, [&] {
    Borrow tensor(handle);
    return tensor->is_leaf() ? 1 : 0;
  });
}

// 0 without an error where there is no gradient.
TKV_API int64_t tkv_tensor_grad(int64_t handle) {
  return guarded(int64_t{0}, [&] {
    Borrow tensor(handle);
    return new_handle(at::Tensor(tensor->grad()));
  });
}

TKV_API int32_t tkv_tensor_set_grad(int64_t handle, int64_t grad) {
  return guarded(-1, [&] {
    Borrow tensor(handle);
    tensor->mutable_grad() = share(grad);
    return 0;
  });
}

TKV_API int64_t tkv_live_handles() { return live_handles.load(std::memory_order_relaxed); }

TKV_API void tkv_tensors_release(const int64_t* handles, int32_t count) {
  for (int32_t i = 0; i < count; i++) tkv_tensor_release(handles[i]);
}
