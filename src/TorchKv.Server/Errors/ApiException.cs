namespace TorchKv.Server.Errors;

/// <summary>An answer that is an error: its status and OpenAI's error object.</summary>
internal sealed class ApiException : Exception
{
    public const string InvalidRequest = "invalid_request_error";
    public const string ServerError = "server_error";
    public const string RateLimit = "rate_limit_error";

    /// <summary>An error.</summary>
    /// <param name="status">The HTTP status.</param>
    /// <param name="type">OpenAI's type.</param>
    /// <param name="code">OpenAI's code, or null.</param>
    /// <param name="param">The field that is at fault, or null.</param>
    /// <param name="message">What is wrong, for the caller to read.</param>
    /// <param name="innerException">The cause.</param>
    public ApiException(
        int status,
        string type,
        string? code,
        string? param,
        string message,
        Exception? innerException = null)
        : base(message, innerException)
    {
        Status = status;
        Type = type;
        Code = code;
        Param = param;
    }

    public int Status { get; }

    public string Type { get; }

    public string? Code { get; }

    public string? Param { get; }

    /// <summary>Seconds after which the same request may be tried again; null: trying again is of no use.</summary>
    public int? RetryAfterSeconds { get; init; }

    /// <summary>A field has a value that it cannot have.</summary>
    public static ApiException Invalid(string? param, string message, string code = "invalid_value")
        => new(400, InvalidRequest, code, param, message);

    /// <summary>The server cannot take the request now.</summary>
    public static ApiException Unavailable(string message)
        => new(503, ServerError, "unavailable", null, message) { RetryAfterSeconds = 1 };
}
