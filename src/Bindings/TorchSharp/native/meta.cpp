// Shapes without data for the operators that libtorch itself cannot run on the meta device. Their meta kernels are written
// in Python and so are not there for a program without it: embedding's index_select is one.
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/ivalue.h>
#include <ATen/ops/empty_strided.h>
#include <ATen/ops/zeros.h>
#include <torch/library.h>

#include <mutex>
#include <optional>
#include <vector>

#include "shared.h"

using namespace torchkv;

namespace {

using Stack = std::vector<c10::IValue>;

// An argument on the meta device and its stand-in on the CPU.
struct Stand {
  at::Tensor meta;
  at::Tensor cpu;
};

// Zeros: they are valid indices, and untouched pages of them cost no memory.
at::Tensor stand_in(const at::Tensor& tensor, std::vector<Stand>& stands) {
  if (!tensor.defined()) return tensor;
  if (!tensor.is_meta()) {
    TORCH_CHECK(tensor.dim() == 0, "Expected all tensors to be on the same device, but found at least two devices, meta and ", tensor.device(), "!");
    return tensor;
  }
  for (const auto& stand : stands)
    if (stand.meta.is_same(tensor)) return stand.cpu;
  stands.push_back({tensor, at::zeros(tensor.sizes(), tensor.options().device(c10::kCPU))});
  return stands.back().cpu;
}

c10::IValue lowered(const c10::IValue& value, std::vector<Stand>& stands) {
  if (value.isTensor()) return stand_in(value.toTensor(), stands);
  if (value.isDevice()) return value.toDevice().is_meta() ? c10::IValue(c10::Device(c10::kCPU)) : value;
  if (value.isTensorList()) {
    c10::List<at::Tensor> list;
    for (const at::Tensor& item : value.toTensorVector()) list.push_back(stand_in(item, stands));
    return list;
  }
  if (value.isList()) {
    // A list of optional tensors, which is an index expression; lists of numbers have tags of their own.
    auto copy = value.toList().copy();
    for (size_t i = 0; i < copy.size(); i++) copy.set(i, lowered(copy.get(i), stands));
    return copy;
  }
  return value;
}

at::Tensor raised(const at::Tensor& result, const std::vector<Stand>& stands) {
  if (!result.defined()) return result;
  for (const auto& stand : stands) {
    if (!stand.cpu.is_same(result)) continue;
    if (stand.meta.sizes() != result.sizes()) stand.meta.unsafeGetTensorImpl()->set_sizes_contiguous(result.sizes());
    return stand.meta;
  }
  return at::empty_strided(result.sizes(), result.strides(), result.options().device(c10::kMeta));
}

void run_for_shapes(const c10::OperatorHandle& op, Stack* stack) {
  const size_t count = op.schema().arguments().size();
  std::vector<Stand> stands;
  Stack arguments;
  for (size_t i = stack->size() - count; i < stack->size(); i++) arguments.push_back(lowered((*stack)[i], stands));
  stack->erase(stack->end() - static_cast<std::ptrdiff_t>(count), stack->end());
  op.callBoxed(arguments);
  for (auto& result : arguments) {
    if (result.isTensor()) {
      stack->emplace_back(raised(result.toTensor(), stands));
    } else if (result.isTensorList()) {
      c10::List<at::Tensor> list;
      for (const at::Tensor& item : result.toTensorVector()) list.push_back(raised(item, stands));
      stack->emplace_back(std::move(list));
    } else {
      stack->push_back(std::move(result));
    }
  }
}

// What an operator returns, or of which shape, hangs on the elements: there are none.
bool needs_elements(const c10::OperatorHandle& op) {
  for (const auto tag : op.getTags())
    if (tag == at::Tag::data_dependent_output || tag == at::Tag::dynamic_output_shape) return true;
  const auto& name = op.operator_name().name;
  for (const char* refused : {"aten::_local_scalar_dense", "aten::is_nonzero", "aten::equal", "aten::nonzero", "aten::masked_select",
                              "aten::_unique2", "aten::unique_dim", "aten::bincount", "aten::multinomial"})
    if (name == refused) return true;
  return false;
}

bool lacks_meta(const c10::OperatorHandle& op) {
  using Key = c10::DispatchKey;
  if (!op.hasKernelForDispatchKey(Key::CPU)) return false;
  for (const auto key : {Key::Meta, Key::CompositeExplicitAutograd, Key::CompositeImplicitAutograd, Key::CompositeExplicitAutogradNonFunctional})
    if (op.hasKernelForDispatchKey(key)) return false;
  return true;
}

}  // namespace

// Registers a kernel for every operator of aten that has one for the CPU and none for meta. Once; a second call does nothing.
TKV_API int32_t tkv_prepare_meta() {
  static std::mutex gate;
  static std::optional<torch::Library> library;
  const std::lock_guard<std::mutex> lock(gate);
  if (library) return 0;
  return guarded(-1, [] {
    library.emplace(torch::Library::IMPL, "aten", c10::DispatchKey::Meta, __FILE__, static_cast<uint32_t>(__LINE__));
    auto& dispatcher = c10::Dispatcher::singleton();
    for (const auto& name : dispatcher.getAllOpNames()) {
      if (name.name.rfind("aten::", 0) != 0) continue;
      const auto op = dispatcher.findSchema(name);
      if (!op || !lacks_meta(*op) || needs_elements(*op)) continue;
      const std::string local = name.name.substr(6) + (name.overload_name.empty() ? "" : "." + name.overload_name);
      library->impl(local.c_str(), torch::CppFunction::makeFromBoxedFunction<&run_for_shapes>());
    }
    return 0;
  });
}
