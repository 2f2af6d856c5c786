using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Text;
using TorchKv.Server.Requests;

namespace TorchKv.Server.Answers;

/// <summary>
/// Brings the answer of a resumed stream to where it was cut: it takes the pieces that were generated before, made from
/// their ids without the model. The stream leaves their events out.
/// </summary>
internal static class ReplayedPieces
{
    /// <summary>Gives an answer the pieces of its choices' ids.</summary>
    public static void Feed(GenerationPlan plan, IAnswer answer, SseStream stream)
    {
        for (var choice = 0; choice < plan.Choices && plan.Resume is not null; choice++)
        {
            var (prompt, row) = (choice / plan.Samples, choice % plan.Samples);
            var options = plan.Prompts[prompt].Options;
            var text = new IncrementalDetokenizer(
                plan.Model.Tokenizer,
                options.Stop,
                includeStop: options.IncludeStopText,
                minTokens: options.MinNewTokens);
            foreach (var id in plan.Resume.Ids[choice])
            {
                answer.Take(
                    new PromptPiece(prompt, new GeneratedPiece
                    {
                        Row = row,
                        Text = text.Append(id),
                        TokenIds = [id],

                        // Only their texts' lengths matter, which later offsets count.
                        LogProbs = options.LogProbs is null ? [] : [new ScoredToken(id, 0, [])],
                    }),
                    stream);
            }
        }
    }
}
