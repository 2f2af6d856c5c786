using Microsoft.AspNetCore.Http;
using TorchKv.Runtime.Contracts;

namespace TorchKv.Server.Errors;

/// <summary>What each exception is to a caller.</summary>
internal static class ErrorMap
{
    /// <summary>The answer that an exception becomes.</summary>
    /// <param name="error">What was thrown.</param>
    /// <param name="promptField">
    /// The field that the prompt came in: <c>messages</c>, <c>prompt</c> or <c>input</c>.
    /// </param>
    public static ApiException Of(Exception error, string promptField = "prompt") => error switch
    {
        ApiException known => known,
        OptionException e => new ApiException(
            400,
            ApiException.InvalidRequest,
            "invalid_value",
            FieldOf(e.Option),
            e.Message,
            e),
        ConstraintException e => new ApiException(
            400,
            ApiException.InvalidRequest,
            "invalid_schema",
            e.Pointer,
            e.Message,
            e),
        ContextLengthException e => TooLong(promptField, e),
        PoolCapacityException e => TooLong(promptField, e),
        RequestException e => new ApiException(
            400,
            ApiException.InvalidRequest,
            "invalid_value",
            promptField,
            e.Message,
            e),
        QueueFullException e => new ApiException(
            503,
            ApiException.ServerError,
            "overloaded",
            null,
            e.Message,
            e)
        { RetryAfterSeconds = 1 },
        EngineClosedException e => new ApiException(
            503,
            ApiException.ServerError,
            "unavailable",
            null,
            e.Message,
            e)
        { RetryAfterSeconds = 5 },
        DeadlineExceededException e => new ApiException(
            504,
            ApiException.ServerError,
            "deadline_exceeded",
            null,
            e.Message,
            e),
        RequestFailedException e => new ApiException(
            500,
            ApiException.ServerError,
            null,
            null,
            "The request's computation failed.",
            e),
        BadHttpRequestException { StatusCode: StatusCodes.Status413PayloadTooLarge } e => TooLarge(e),
        BadHttpRequestException e => new ApiException(
            e.StatusCode,
            ApiException.InvalidRequest,
            "invalid_request",
            null,
            e.Message,
            e),
        _ => new ApiException(500, ApiException.ServerError, null, null, "The server failed on this request.", error),
    };

    /// <summary>A body over the limit.</summary>
    public static ApiException TooLarge(Exception? innerException = null, long? limit = null) => new(
        StatusCodes.Status413PayloadTooLarge,
        ApiException.InvalidRequest,
        "request_too_large",
        null,
        limit is null ? "The request's body is too large." : $"The request's body is larger than {limit} bytes.",
        innerException);

    private static ApiException TooLong(string promptField, TorchKvException e)
        => new(400, ApiException.InvalidRequest, "context_length_exceeded", promptField, e.Message, e);

    /// <summary>The engine names options as HuggingFace does; these have another name in requests.</summary>
    private static string FieldOf(string option) => option switch
    {
        "max_new_tokens" => "max_tokens",
        "num_return_sequences" or "num_beams" => "n",
        _ => option,
    };
}
