namespace TorchKv.Extensions.AI.Templates;

/// <summary>Leaves out the blanks and line ends at the start of an answer that comes in pieces.</summary>
/// <param name="isTrimming">Whether the template asks for it.</param>
/// <remarks>Belongs to one answer; not thread-safe.</remarks>
internal sealed class AnswerStart(bool isTrimming)
{
    private bool _isTrimming = isTrimming;

    /// <summary>What a piece adds to the answer.</summary>
    public string Take(string piece)
    {
        if (!_isTrimming)
        {
            return piece;
        }

        piece = piece.TrimStart();
        _isTrimming = piece.Length == 0;
        return piece;
    }
}
