using System.Text.Json;
using TorchKv.Runtime.Contracts;

namespace TorchKv.Server.Requests;

/// <summary>A constraint that a request's field asks for. Its errors name the field.</summary>
/// <param name="param">The field's name in JSON, with its parents.</param>
/// <param name="kind">json, json_object, regex, choice or grammar.</param>
/// <param name="value">What the field asks for.</param>
/// <param name="isFlexible">Whether whitespace may stand between the parts of JSON.</param>
/// <param name="constraint">The constraint.</param>
internal sealed class NamedConstraint(
    string param, string kind, JsonElement value, bool isFlexible, TokenConstraint constraint) : TokenConstraint
{
    public string Field => param;

    public string Kind => kind;

    public JsonElement Value => value;

    public bool IsFlexible => isFlexible;

    /// <summary>The constraint.</summary>
    public TokenConstraint Constraint => constraint;

    /// <inheritdoc/>
    public override async ValueTask<ITokenMatcher> CompileAsync(
        ITokenVocabulary vocabulary, CancellationToken cancellationToken = default)
    {
        try
        {
            return await constraint.CompileAsync(vocabulary, cancellationToken).ConfigureAwait(false);
        }
        catch (ConstraintException exception)
        {
            // A schema's pointer begins with #. A grammar's line is in the message.
            var pointer = exception.Pointer?.StartsWith('#') == true ? param + exception.Pointer : param;
            throw new ConstraintException(exception.Message, pointer, exception.Keyword);
        }
    }
}
