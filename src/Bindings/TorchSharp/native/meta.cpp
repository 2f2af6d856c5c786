// Shapes on the meta device for operators whose shape functions older libtorch has in Python alone: index_select, and with it
// embedding, and layer_norm.
#include <ATen/ATen.h>
#include <ATen/WrapDimUtils.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/library.h>

#include <tuple>

namespace {

at::Tensor index_select_meta(const at::Tensor& self, int64_t dim, const at::Tensor& index) {
  TORCH_CHECK(index.dim() <= 1, "index_select(): Index is supposed to be a vector");
  TORCH_CHECK(index.device() == self.device(), "index_select(): Expected all tensors to be on the same device, but found ",
              self.device(), " and ", index.device());
  auto sizes = self.sizes().vec();
  if (!sizes.empty()) {
    sizes[at::maybe_wrap_dim(dim, self.dim())] = index.numel();
  }
  return at::empty(sizes, self.options());
}

std::tuple<at::Tensor, at::Tensor, at::Tensor> native_layer_norm_meta(
    const at::Tensor& input, at::IntArrayRef normalized_shape, const c10::optional<at::Tensor>& weight,
    const c10::optional<at::Tensor>& bias, double) {
  const auto outer = input.dim() - static_cast<int64_t>(normalized_shape.size());
  TORCH_CHECK(outer >= 0 && input.sizes().slice(outer) == normalized_shape, "layer_norm: expected input with shape [*, ",
              normalized_shape, "], but got ", input.sizes());
  for (const auto& parameter : {weight, bias}) {
    TORCH_CHECK(!parameter || !parameter->defined() || parameter->device() == input.device(),
                "layer_norm: Expected all tensors to be on the same device");
  }
  auto statistics = input.sizes().vec();
  std::fill(statistics.begin() + outer, statistics.end(), 1);
  return {at::empty(input.sizes(), input.options()), at::empty(statistics, input.options()), at::empty(statistics, input.options())};
}

template <class Kernel>
void register_where_missing(torch::Library& library, const char* name, Kernel&& kernel) {
  const auto op = c10::Dispatcher::singleton().findSchema({std::string("aten::") + name, ""});
  if (op && !op->hasKernelForDispatchKey(c10::DispatchKey::Meta)) {
    library.impl(name, std::forward<Kernel>(kernel));
  }
}

torch::Library& registered() {
  static torch::Library library(torch::Library::IMPL, "aten", c10::DispatchKey::Meta, __FILE__, __LINE__);
  register_where_missing(library, "index_select", index_select_meta);
  register_where_missing(library, "native_layer_norm", native_layer_norm_meta);
  return library;
}

[[maybe_unused]] const torch::Library& at_load = registered();

}  // namespace
