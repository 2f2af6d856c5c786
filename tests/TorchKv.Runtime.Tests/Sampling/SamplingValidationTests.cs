using TorchKv.Runtime.Contracts;

namespace TorchKv.Runtime.Tests.Sampling;

[Trait("speed", "fast")]
public class SamplingValidationTests
{
    public static TheoryData<string, GenerationOptions> Bad => new()
    {
        { "temperature", new() { Temperature = -0.1f } },
        { "temperature", new() { Temperature = 1e-7f } },
        { "temperature", new() { Temperature = float.NaN } },
        { "temperature", new() { Temperature = float.PositiveInfinity } },
        { "top_k", new() { TopK = -1 } },
        { "top_p", new() { TopP = 1.01f } },
        { "top_p", new() { TopP = -0.01f } },
        { "top_p", new() { TopP = float.NaN } },
        { "min_p", new() { MinP = 1.5f } },
        { "min_p", new() { MinP = float.NaN } },
        { "typical_p", new() { TypicalP = 0 } },
        { "typical_p", new() { TypicalP = 2 } },
        { "repetition_penalty", new() { RepetitionPenalty = 0 } },
        { "repetition_penalty", new() { RepetitionPenalty = float.PositiveInfinity } },
        { "no_repeat_ngram_size", new() { NoRepeatNgramSize = -2 } },
        { "frequency_penalty", new() { FrequencyPenalty = 2.1f } },
        { "presence_penalty", new() { PresencePenalty = float.NaN } },
        { "min_new_tokens", new() { MinNewTokens = -1 } },
        { "min_new_tokens", new() { MinNewTokens = 65 } },
        { "logit_bias[3]", new() { LogitBias = new Dictionary<int, float> { [3] = float.PositiveInfinity } } },
        { "logit_bias", new() { LogitBias = Enumerable.Range(0, 4097).ToDictionary(id => id, _ => 0f) } },
        { "stop_token_ids", new() { StopTokenIds = null! } },
        { "stop_token_ids", new() { StopTokenIds = new int[1025] } },
        { "allowed_token_ids", new() { AllowedTokenIds = [] } },
        { "bad_words", new() { BadWords = [""] } },
        { "bad_words", new() { BadWords = [new string('a', 257)] } },
        { "bad_words", new() { BadWords = [.. Enumerable.Repeat("a", 1025)] } },
        { "bad_words_ids", new() { BadWordsIds = [[]] } },
        { "bad_words_ids", new() { BadWordsIds = [new int[257]] } },
        { "stop_token_ids", new() { StopTokenIds = [1], Beams = new() } },
        { "include_stop_str_in_output", new() { IncludeStopText = true, Beams = new() } },
    };

    public static TheoryData<string, BeamSearchOptions> BadBeams => new()
    {
        { "num_beams", new() { NumBeams = 0 } },
        { "num_beams", new() { NumBeams = 100_000 } },
        { "length_penalty", new() { LengthPenalty = float.NaN } },
        { "length_penalty", new() { LengthPenalty = 1000 } },
        { "early_stopping", new() { EarlyStopping = (EarlyStopping)9 } },
        { "num_return_sequences", new() { NumBeams = 3, NumReturnSequences = 4 } },
        { "num_return_sequences", new() { NumReturnSequences = 0 } },
    };

    [Theory]
    [MemberData(nameof(Bad), DisableDiscoveryEnumeration = true)]
    public void ValueOutsideItsLimitsIsRefusedByName(string option, GenerationOptions options)
    {
        var error = Assert.Throws<OptionException>(options.Validate);
        Assert.Equal(option, error.Option);
        Assert.Contains(error.Value, error.Message);
        Assert.Contains(error.Limits, error.Message);
    }

    [Theory]
    [MemberData(nameof(BadBeams), DisableDiscoveryEnumeration = true)]
    public void BeamOptionOutsideItsLimitsIsRefusedByName(string option, BeamSearchOptions options)
        => Assert.Equal(option, Assert.Throws<OptionException>(options.Validate).Option);

    [Fact]
    public void LimitsThemselvesAreAllowed()
    {
        new GenerationOptions().Validate();
        new GenerationOptions { Temperature = 0, TopK = 0, TopP = 0, MinP = 0, TypicalP = 1e-6f, RepetitionPenalty = 1e-6f, NoRepeatNgramSize = 0 }.Validate();
        new GenerationOptions { Temperature = 1e30f, TopK = int.MaxValue, TopP = 1, MinP = 1, TypicalP = 1, RepetitionPenalty = 1e30f, NoRepeatNgramSize = int.MaxValue }.Validate();
        new BeamSearchOptions { NumBeams = 1, LengthPenalty = -2 }.Validate();
    }

    [Fact]
    public void GreedyIsWhatNothingMakesRandom()
    {
        Assert.True(new GenerationOptions().IsGreedy);
        Assert.True(new GenerationOptions { RepetitionPenalty = 1.2f, NoRepeatNgramSize = 2, Seed = 1 }.IsGreedy);
        Assert.True(new GenerationOptions { Temperature = 0, TopP = 0.5f }.IsGreedy);
        Assert.False(new GenerationOptions { TopK = 0 }.IsGreedy);
        Assert.False(new GenerationOptions { Temperature = 1 }.IsGreedy);
    }
}
