using System.Text;
using TorchKv.Runtime.Contracts;

namespace TorchKv.Cli.Commands;

/// <summary>One sample or beam of one prompt, joined from its pieces.</summary>
internal sealed class Answer
{
    private readonly StringBuilder _text = new();

    /// <param name="echo">The prompt's text, where the answer begins with it.</param>
    public Answer(string echo = "") => _text.Append(echo);

    public List<int> Ids { get; } = [];

    public string Text => _text.ToString();

    public List<ScoredToken> LogProbs { get; } = [];

    /// <summary>
    /// The log-probabilities of the prompt's tokens from the second on; empty where they were not asked for.
    /// </summary>
    public IReadOnlyList<ScoredToken> PromptLogProbs { get; private set; } = [];

    public FinishReason? FinishReason { get; private set; }

    /// <summary>The stop that ended it.</summary>
    public StopReason? StopReason { get; private set; }

    /// <summary>A beam's score.</summary>
    public float? Score { get; private set; }

    public void Add(GeneratedPiece piece)
    {
        Ids.AddRange(piece.TokenIds);
        _text.Append(piece.Text);
        LogProbs.AddRange(piece.LogProbs.Take(piece.TokenIds.Count));
        PromptLogProbs = piece.PromptLogProbs ?? PromptLogProbs;
        FinishReason = piece.FinishReason ?? FinishReason;
        StopReason = piece.StopReason ?? StopReason;
        Score = piece.Score ?? Score;
    }
}
