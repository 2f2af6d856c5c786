using TorchKv.Runtime.Contracts;

namespace TorchKv.Cli.Models;

/// <summary>A beam search as the command line asks for it.</summary>
internal sealed record BeamRequest(GenerationOptions Options, BeamSearchOptions Beams);
