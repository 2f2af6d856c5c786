using System.Text;
using System.Text.Json;
using TorchKv.Runtime.Contracts;
using TorchKv.Structured.Automata;
using TorchKv.Structured.Contracts;
using TorchKv.Structured.Json;

namespace TorchKv.Structured;

/// <summary>
/// The constraints of JSON texts: <c>TokenConstraint.JsonSchema(…)</c> and <c>TokenConstraint.JsonObject()</c>.
/// </summary>
public static class JsonConstraintExtensions
{
    private static readonly JsonSchemaOptions s_defaults = new();

    extension(TokenConstraint)
    {
        /// <summary>The text is a JSON value that a schema allows.</summary>
        /// <param name="schema">
        /// The schema: JSON text, drafts 4, 6, 7, 2019-09 or 2020-12. docs/structured-output.md lists the keywords.
        /// </param>
        /// <param name="options">Whitespace and limits; null: the defaults.</param>
        /// <returns>
        /// The constraint. Errors in the schema come when a request is submitted; they name place and keyword.
        /// </returns>
        public static TokenConstraint JsonSchema(string schema, JsonSchemaOptions? options = null)
        {
            ArgumentNullException.ThrowIfNull(schema);
            JsonSchemaOptions chosen = options ?? s_defaults;
            return new GrammarConstraint("json schema", $"{chosen}{schema}", budget => SchemaCompiler.Compile(
                Encoding.UTF8.GetBytes(schema), chosen, new RegexFactory(budget), budget));
        }

        /// <summary>The text is a JSON value that a schema allows.</summary>
        /// <param name="schema">The schema: an object or a boolean.</param>
        /// <param name="options">Whitespace and limits; null: the defaults.</param>
        /// <returns>
        /// The constraint. Errors in the schema come when a request is submitted; they name place and keyword.
        /// </returns>
        public static TokenConstraint JsonSchema(JsonElement schema, JsonSchemaOptions? options = null) =>
            JsonSchema(schema.GetRawText(), options);

        /// <summary>The text is any JSON object.</summary>
        /// <param name="options">Whitespace; null: none.</param>
        public static TokenConstraint JsonObject(JsonSchemaOptions? options = null) =>
            JsonSchema("""{"type":"object"}""", options);
    }
}
