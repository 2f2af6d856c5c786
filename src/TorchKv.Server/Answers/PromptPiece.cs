using TorchKv.Runtime.Contracts;

namespace TorchKv.Server.Answers;

/// <summary>A piece of the answer to one of a request's prompts.</summary>
/// <param name="Prompt">Which prompt.</param>
/// <param name="Piece">The piece; its row is the answer's number among the prompt's.</param>
internal readonly record struct PromptPiece(int Prompt, GeneratedPiece Piece);
