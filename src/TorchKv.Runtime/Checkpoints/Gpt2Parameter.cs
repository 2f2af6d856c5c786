using System.Collections.Immutable;
using System.Globalization;

namespace TorchKv.Runtime.Checkpoints;

/// <summary>A parameter of a GPT-2: its name in <c>GPT2LMHeadModel</c>'s <c>state_dict</c>, and its shape.</summary>
/// <param name="Name">For example <c>transformer.h.0.attn.c_attn.weight</c>.</param>
/// <param name="Shape">Sizes, outermost first. HuggingFace's <c>Conv1D</c> weights are (in, out).</param>
public readonly record struct Gpt2Parameter(string Name, ImmutableArray<long> Shape);
