using static TorchSharp.torch;

namespace TorchKv.Models;

/// <summary>Chooses each row's next token.</summary>
/// <param name="logits">(b, vocab_size): of the token after each row's last.</param>
/// <param name="idx">(b, tokens): the rows so far.</param>
/// <returns>(b, 1), int64; null ends the generation.</returns>
public delegate Tensor? NextToken(Tensor logits, Tensor idx);
