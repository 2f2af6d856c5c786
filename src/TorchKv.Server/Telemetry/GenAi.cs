namespace TorchKv.Server.Telemetry;

/// <summary>
/// Names of OpenTelemetry's conventions for generative AI, as of 2026 (status Development: they may change, so they
/// stand here alone).
/// </summary>
internal static class GenAi
{
    public const string RequestDuration = "gen_ai.server.request.duration";
    public const string TimeToFirstToken = "gen_ai.server.time_to_first_token";
    public const string TimePerOutputToken = "gen_ai.server.time_per_output_token";

    public const string Operation = "gen_ai.operation.name";
    public const string Chat = "chat";
    public const string TextCompletion = "text_completion";
    public const string Provider = "gen_ai.provider.name";
    public const string ProviderName = "torchkv";
    public const string RequestModel = "gen_ai.request.model";
    public const string MaxTokens = "gen_ai.request.max_tokens";
    public const string Temperature = "gen_ai.request.temperature";
    public const string TopP = "gen_ai.request.top_p";
    public const string TopK = "gen_ai.request.top_k";
    public const string Seed = "gen_ai.request.seed";
    public const string ChoiceCount = "gen_ai.request.choice.count";
    public const string Stream = "gen_ai.request.stream";
    public const string ResponseId = "gen_ai.response.id";
    public const string ResponseModel = "gen_ai.response.model";
    public const string FinishReasons = "gen_ai.response.finish_reasons";
    public const string InputTokens = "gen_ai.usage.input_tokens";
    public const string OutputTokens = "gen_ai.usage.output_tokens";
    public const string CacheReadTokens = "gen_ai.usage.cache_read.input_tokens";
    public const string ErrorType = "error.type";
    public const string ServerAddress = "server.address";
    public const string ServerPort = "server.port";
}
