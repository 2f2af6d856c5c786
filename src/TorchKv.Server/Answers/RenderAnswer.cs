using System.Text.Json;
using TorchKv.Server.Contracts;
using TorchKv.Server.Requests;

namespace TorchKv.Server.Answers;

/// <summary>A plan as the answer of the render endpoints.</summary>
internal static class RenderAnswer
{
    /// <summary>One prompt of a plan.</summary>
    public static RenderedPrompt Of(GenerationPlan plan, int prompt)
    {
        var (ids, options) = plan.Prompts[prompt];
        return new RenderedPrompt
        {
            RequestId = plan.Prompts.Count == 1 ? plan.Id : $"{plan.Id}-{prompt}",
            Model = plan.Model.Id,
            TokenIds = ids,
            Text = plan.Model.Tokenizer.Decode(ids),
            Stream = plan.IsStream,
            StreamOptions = plan.StreamOptions,
            Priority = options.Priority,
            SamplingParams = new SamplingFields
            {
                N = options.Samples,
                Temperature = options.Temperature,
                TopP = options.TopP,
                TopK = options.TopK,
                MinP = options.MinP,
                RepetitionPenalty = options.RepetitionPenalty,
                Seed = options.Seed,
                Stop = options.Stop,
                StopTokenIds = options.EosTokenIds ?? plan.Model.Generator.Model.EosTokenIds,
                MaxTokens = options.MaxNewTokens,
                Logprobs = options.LogProbs,
                IgnoreEos = options.EosTokenIds is { Count: 0 },
            },
        };
    }

    public static byte[] Write(RenderedPrompt prompt)
        => JsonSerializer.SerializeToUtf8Bytes(prompt, ServerJson.Answers.RenderedPrompt);

    public static byte[] Write(IReadOnlyList<RenderedPrompt> prompts)
        => JsonSerializer.SerializeToUtf8Bytes(prompts, ServerJson.Answers.IReadOnlyListRenderedPrompt);
}
