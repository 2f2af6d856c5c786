namespace TorchKv.Runtime.Configuration;

/// <summary>
/// The largest values of a configuration's fields: far above any GPT-2's, and small enough that no computed size
/// overflows.
/// </summary>
internal static class ConfigurationLimits
{
    public const int VocabSize = 1 << 24;
    public const int ContextLength = 1 << 24;
    public const int EmbeddingSize = 1 << 18;
    public const int LayerCount = 1 << 12;
    public const int InnerSize = 1 << 20;

    // More than five times GPT-3's, which has GPT-2's architecture.
    public const long ParameterCount = 1_000_000_000_000;

    public static void Check(Gpt2Config config, string source)
    {
        Range("vocab_size", config.VocabSize, VocabSize);
        Range("n_positions", config.ContextLength, ContextLength);
        Range("n_embd", config.EmbeddingSize, EmbeddingSize);
        Range("n_layer", config.LayerCount, LayerCount);
        Range("n_head", config.HeadCount, config.EmbeddingSize);
        Range("n_inner", config.InnerSize, InnerSize);
        if (config.EmbeddingSize % config.HeadCount != 0)
        {
            throw new ConfigurationException(
                source, "n_head", $"n_embd {config.EmbeddingSize} is not divisible by n_head {config.HeadCount}.");
        }

        if (config.ParameterCount > ParameterCount)
        {
            throw new ConfigurationException(
                source,
                null,
                $"these sizes make {config.ParameterCount:N0} parameters; the limit is {ParameterCount:N0}.");
        }

        if (!float.IsFinite(config.LayerNormEpsilon) || config.LayerNormEpsilon < 0)
        {
            throw new ConfigurationException(
                source, "layer_norm_epsilon", $"{config.LayerNormEpsilon} is not a number of at least 0.");
        }

        if (!Enum.IsDefined(config.Activation))
        {
            throw new ConfigurationException(
                source, "activation_function", $"{config.Activation} is not an activation.");
        }

        Dropout("embd_pdrop", config.EmbeddingDropout);
        Dropout("attn_pdrop", config.AttentionDropout);
        Dropout("resid_pdrop", config.ResidualDropout);
        TokenId("bos_token_id", config.BosTokenId);
        TokenId("pad_token_id", config.PadTokenId);
        foreach (var id in config.EosTokenIds)
        {
            TokenId("eos_token_id", id);
        }

        void Range(string field, int value, int limit)
        {
            if (value < 1 || value > limit)
            {
                throw new ConfigurationException(source, field, $"{value} is outside 1 to {limit:N0}.");
            }
        }

        void Dropout(string field, float value)
        {
            if (!(value is >= 0 and <= 1))
            {
                throw new ConfigurationException(source, field, $"{value} is not a probability.");
            }
        }

        // HuggingFace accepts an id past the vocabulary too. It ends no text, and a runner refuses it as input.
        void TokenId(string field, int? id)
        {
            if (id < 0)
            {
                throw new ConfigurationException(source, field, $"{id} is not a token id.");
            }
        }
    }
}
