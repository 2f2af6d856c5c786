using TorchKv.Runtime.Contracts;

namespace TorchKv.Cli.Models;

/// <summary>A piece of the answer to one of several prompts.</summary>
/// <param name="Prompt">The prompt's number, from 0.</param>
/// <param name="Piece">The piece, with the number of its sample or beam.</param>
internal readonly record struct PromptPiece(int Prompt, GeneratedPiece Piece);
